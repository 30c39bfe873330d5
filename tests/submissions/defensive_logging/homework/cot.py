import functools
import sys

from .base_llm import BaseLLM
from .data import Dataset, benchmark

MESSAGES = (
    {"role": "system", "content": "Be brief: factor, multiplication, then <answer>result</answer>."},
    {"role": "user", "content": "Tell me how many ml fit into 16 liters."},
    {"role": "assistant", "content": "1 liter = 1000 ml. 16 * 1000 = <answer>16000</answer>"},
)


class CoTModel(BaseLLM):
    MAX_NEW_TOKENS = 96

    def format_prompt(self, question: str) -> str:
        messages = [*MESSAGES, {"role": "user", "content": question.strip()}]
        return self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)


@functools.cache
def load() -> CoTModel:
    return CoTModel()


def test_model():
    result = benchmark(load(), Dataset("valid"), 100)
    print(f"accuracy={result.accuracy:.2f} answer_rate={result.answer_rate:.2f}")


if __name__ == "__main__" and "test" in sys.argv:
    test_model()
