from __future__ import annotations

from homework.base_llm import BaseLLM
from homework.data import Dataset, benchmark

SHOTS = (
    ("How many m are 3 km?", "1 km = 1000 m, 3 * 1000 = <answer>3000</answer>"),
    ("Express 4 days in hours.", "1 day = 24 hours, 4 * 24 = <answer>96</answer>"),
)


class CoTModel(BaseLLM):
    def format_prompt(self, question: str) -> str:
        turns = [{"role": "system", "content": "Convert units step by step, briefly. Put the number in <answer></answer>."}]
        for asked, answered in SHOTS:
            turns += [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
        turns.append({"role": "user", "content": question})
        return self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)


def load() -> CoTModel:
    return CoTModel()


def test_model() -> None:
    print(benchmark(load(), Dataset("valid"), 100)[:2])


if __name__ == "__main__":
    test_model()
