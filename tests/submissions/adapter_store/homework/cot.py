import sys

from .base_llm import BaseLLM
from .data import Dataset, benchmark, is_answer_valid


class CoTModel(BaseLLM):
    def format_prompt(self, question):
        msgs = []
        msgs.append({"role": "system", "content": "You convert units. Answer shortly, with <answer>number</answer> at the end."})
        msgs.append({"role": "user", "content": "How many m are in 8 km?"})
        msgs.append({"role": "assistant", "content": "1 km = 1000 m. 8 * 1000 = <answer>8000</answer>"})
        msgs.append({"role": "user", "content": question})
        return self.tokenizer.apply_chat_template(msgs, tokenize=False, add_generation_prompt=True)


def load():
    return CoTModel()


def test_model():
    r = benchmark(load(), Dataset("valid"), 100)
    print(r.accuracy, r.answer_rate)


if __name__ == "__main__" and sys.argv[1:] == ["test"]:
    test_model()
