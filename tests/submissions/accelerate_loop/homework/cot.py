import sys

from .base_llm import BaseLLM
from .data import Dataset, benchmark


class CoTModel(BaseLLM):
    max_new_tokens = 90

    def format_prompt(self, question):
        chat = [
            {"role": "system", "content": "Convert units. Think in one short line, then write <answer>NUMBER</answer>."},
            {"role": "user", "content": "How many minutes are in 4 hours?"},
            {"role": "assistant", "content": "1 hour = 60 minutes. 4 * 60 = <answer>240</answer>"},
            {"role": "user", "content": "Express 2 MB as a quantity of kB."},
            {"role": "assistant", "content": "1 MB = 1000 kB. 2 * 1000 = <answer>2000</answer>"},
            {"role": "user", "content": question},
        ]
        return self.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)


def load():
    return CoTModel()


def test_model():
    res = benchmark(load(), Dataset("valid"), 100)
    print("accuracy", res.accuracy, "answer rate", res.answer_rate)


if __name__ == "__main__":
    {"test": test_model, "load": load}[sys.argv[1]]()
