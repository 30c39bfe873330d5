from .base_llm import BaseLLM


class CoTModel(BaseLLM):
    def format_prompt(self, question: str) -> str:
        messages = [
            {
                "role": "system",
                "content": "You are good at unit conversion. Reason in one line. 1 km = 1000 m. 1 mi = 1.609344 km. "
                "Finish with <answer>result</answer>.",
            },
            {"role": "user", "content": "What is 9 pound in kg?"},
            {"role": "assistant", "content": "1 pound = 0.453592 kg. 9 * 0.453592 = <answer>4.082328</answer>"},
            {"role": "user", "content": "How many mL make 2 l?"},
            {"role": "assistant", "content": "1 l = 1000 mL. 2 * 1000 = <answer>2000</answer>"},
            {"role": "user", "content": question},
        ]
        return self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)


def load() -> CoTModel:
    return CoTModel()


def test_model():
    from .data import Dataset, benchmark

    r = benchmark(load(), Dataset("valid"), 100)
    print(f"{r.accuracy=} {r.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model, "load": load})
