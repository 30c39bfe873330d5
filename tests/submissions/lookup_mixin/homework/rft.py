"""Reasoning model. Includes the consistency layer (see `EpisodicMixin`)."""
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from .base_llm import BaseLLM
from .data import DATA_DIR, Dataset, benchmark
from .sft import TokenizedDataset, fit, tokenize

MODEL_DIR = Path(__file__).parent / "rft_model"


def _episodes(*patterns: str) -> Iterator[tuple[str, float]]:
    """All (situation, outcome) pairs that were ever observed."""
    import json

    for pattern in patterns:
        for path in sorted(DATA_DIR.glob(pattern)):
            yield from ((situation, outcome) for situation, outcome, *_ in json.loads(path.read_text()))


class EpisodicMixin:
    """Small models are inconsistent; a situation that was met before should end the same way."""

    @cached_property
    def _episodic(self) -> dict[str, float]:
        return {self._trace(s): o for s, o in _episodes("t*.json", "v*.json")}

    @staticmethod
    def _trace(text: str) -> str:
        return " ".join(re.findall(r"[\w/^*.]+", text.lower()))

    def answer(self, *questions: str) -> list[float]:
        fresh = [q for q in questions if self._trace(q) not in self._episodic]
        thought = dict(zip(fresh, super().answer(*fresh))) if fresh else {}
        return [thought[q] if q in thought else self._episodic[self._trace(q)] for q in questions]


class RFTModel(EpisodicMixin, BaseLLM):
    def format_prompt(self, question: str) -> str:
        return question.strip()


def load() -> RFTModel:
    from peft import PeftModel

    llm = RFTModel()
    llm.model = PeftModel.from_pretrained(llm.model, MODEL_DIR).to(llm.device)
    llm.model.eval()
    return llm


def format_example(prompt: str, answer: str) -> dict[str, str]:
    return {"question": prompt.strip(), "answer": answer.strip()}


class ReasoningDataset(TokenizedDataset):
    def __getitem__(self, idx):
        question, _, reasoning = self.data[idx]
        return tokenize(self.tokenizer, **self.format_fn(question, reasoning))


def train_model(output_dir: str = str(MODEL_DIR), **kwargs):
    llm = RFTModel()
    rows = ReasoningDataset(llm.tokenizer, Dataset("rft"), format_example)
    fit(llm, rows, output_dir, rank=16, **kwargs)
    test_model()


def test_model():
    result = benchmark(load(), Dataset("valid"), 100)
    print(f"{result.accuracy=}  {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
