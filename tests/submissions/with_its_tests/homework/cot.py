from .base_llm import BaseLLM
from .data import Dataset, benchmark


class CoTModel(BaseLLM):
    def format_prompt(self, question):
        messages = [
            {"role": "system", "content": "Convert units in one short line. Number in <answer></answer>."},
            {"role": "user", "content": "3 hours in min?"},
            {"role": "assistant", "content": "1 hour = 60 min. 3 * 60 = <answer>180</answer>"},
            {"role": "user", "content": question},
        ]
        return self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)


def load():
    return CoTModel()


def test_model():
    print(benchmark(load(), Dataset("valid"), 100).accuracy)


if __name__ == "__main__":
    test_model()
