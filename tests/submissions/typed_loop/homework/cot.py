from __future__ import annotations

from typing import Final

from .base_llm import BaseLLM
from .data import BenchmarkResult, Dataset, benchmark

Message = dict[str, str]

INSTRUCTION: Final[str] = "Convert the unit. Give the factor, the calculation, and the result in <answer></answer>."
SHOTS: Final[tuple[tuple[str, str], ...]] = (
    ("How many gram are there per 6 kg?", "1 kg = 1000 gram. 6 * 1000 = <answer>6000</answer>"),
    ("Express 4 ft as a quantity of in.", "1 ft = 12 in. 4 * 12 = <answer>48</answer>"),
)


class CoTModel(BaseLLM):
    def format_prompt(self, question: str) -> str:
        messages: list[Message] = [{"role": "system", "content": INSTRUCTION}]
        for asked, told in SHOTS:
            messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": told}]
        messages.append({"role": "user", "content": question.strip()})
        return str(self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))


def load() -> CoTModel:
    return CoTModel()


def test_model() -> None:
    result: BenchmarkResult = benchmark(load(), Dataset("valid"), 100)
    print(f"{result.accuracy=}  {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model, "load": load})
