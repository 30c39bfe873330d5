from .base_llm import BaseLLM
from .data import Dataset, benchmark


class CoTModel(BaseLLM):
    room = 90

    def format_prompt(self, question):
        messages = [
            {"role": "system", "content": "Convert units. Think in one line. Value in <answer></answer>."},
            {"role": "user", "content": "How many gram are there per 6 kg?"},
            {"role": "assistant", "content": "1 kg = 1000 gram. 6 * 1000 = <answer>6000</answer>"},
            {"role": "user", "content": "What is 12 month in year?"},
            {"role": "assistant", "content": "1 year = 12 month. 12 / 12 = <answer>1</answer>"},
            {"role": "user", "content": question},
        ]
        return self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)


def load():
    return CoTModel()


def test_model():
    print(benchmark(load(), Dataset("valid"), 100).accuracy)


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model, "load": load})
