from .base_llm import BaseLLM

SYSTEM = (
    "You are a calculator for units. Known: 1 km = 1000 m; 1 m = 1000 mm; 1 week = 7 days; 1 kB = 1000 B; "
    "1 gallon = 3.785 L; 1 pound = 0.4536 kg. Reply with one short line and the result inside <answer></answer>."
)


class CoTModel(BaseLLM):
    max_new_tokens = 80

    def format_prompt(self, question):
        return self.tokenizer.apply_chat_template(
            [
                {"role": "system", "content": SYSTEM},
                {"role": "user", "content": "Convert 8 mph to km/h."},
                {"role": "assistant", "content": "1 mph = 1.609344 km/h. 8 * 1.609344 = <answer>12.874752</answer>"},
                {"role": "user", "content": question},
            ],
            tokenize=False,
            add_generation_prompt=True,
        )


def load():
    return CoTModel().for_inference()


def test_model():
    from .evaluate import report

    report(load())


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model, "load": load})
