from .base_llm import BaseLLM


class CoTModel(BaseLLM):
    def format_prompt(self, question):
        messages = [
            {"role": "system", "content": "Convert the units. Reason in one line and give <answer>number</answer>."},
            {"role": "user", "content": "How many cm are in 9 m?"},
            {"role": "assistant", "content": "1 m = 100 cm. 9 * 100 = <answer>900</answer>"},
            {"role": "user", "content": question},
        ]
        return self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)


def load():
    return CoTModel()


def test_model():
    from .data import Dataset, benchmark

    print(benchmark(CoTModel(), Dataset("valid"), 100))


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model, "load": load})
