from .base_llm import BaseLLM


class CoTModel(BaseLLM):
    def format_prompt(self, question):
        messages = [
            {"role": "system", "content": "Convert units step by step, shortly. Finish with <answer>value</answer>."},
            {"role": "user", "content": "What is 9 kg in g?"},
            {"role": "assistant", "content": "1 kg = 1000 g, 9 * 1000 = <answer>9000</answer>"},
            {"role": "user", "content": question},
        ]
        return self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)


def load():
    return CoTModel()


def test_model():
    from .data import Dataset, benchmark

    print(benchmark(load(), Dataset("valid"), 100))


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model, "load": load})
