from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from .base_llm import BaseLLM
from .data import Dataset, benchmark

PACKAGE = Path(__file__).resolve().parent
IGNORE = -100
Row = NamedTuple("Row", [("question", str), ("answer", float)])
ReasonedRow = NamedTuple("ReasonedRow", [("question", str), ("answer", float), ("reasoning", str)])
R = TypeVar("R", Row, ReasonedRow)
M = TypeVar("M", bound=BaseLLM)


class AdapterTask(ABC, Generic[R, M]):
    """One adapter: the rows it learns from, the model class that speaks its format, its place."""

    folder: str
    rank: int
    max_length: int = 160

    @abstractmethod
    def new_model(self) -> M: ...

    @abstractmethod
    def rows(self) -> Sequence[R]: ...

    @abstractmethod
    def completion(self, row: R) -> str: ...

    @property
    def path(self) -> Path:
        return PACKAGE / self.folder

    def encode(self, llm: M, row: R) -> dict[str, list[int]] | None:
        """prompt -> -100, completion and end-of-text -> learnt. None if the row is too long."""
        tok = llm.tokenizer
        prompt = tok(llm.format_prompt(row.question))["input_ids"]
        target = tok(self.completion(row), add_special_tokens=False)["input_ids"] + [tok.eos_token_id]
        if len(prompt) + len(target) > self.max_length:
            return None
        return {"input_ids": prompt + target, "labels": [IGNORE] * len(prompt) + target}

    def encoded(self, llm: M) -> list[dict[str, list[int]]]:
        rows = self.rows()
        kept = [e for e in (self.encode(llm, r) for r in rows) if e is not None]
        print(f"{self.folder}: {len(kept)} of {len(rows)} rows fit into {self.max_length} tokens")
        if len(kept) < 0.95 * len(rows):
            raise ValueError("too many rows dropped, raise max_length")
        return kept

    def load(self, path: Path | str | None = None) -> M:
        from peft import PeftConfig, PeftModel

        where = Path(path or self.path)
        if not (where / "adapter_config.json").is_file():
            raise FileNotFoundError(f"no adapter in {where}; train it first")
        # The file says inference_mode=true anyway, and nothing is trained from here on.
        config = PeftConfig.from_pretrained(str(where))
        config.inference_mode = True
        llm = self.new_model()
        llm.model = PeftModel.from_pretrained(llm.model, str(where), config=config).to(llm.device).eval()
        return llm

    def train(self, output_dir: Path | str | None = None, **options: Any) -> None:
        from .loop import LoopConfig, fit

        fit(self, LoopConfig(**options), Path(output_dir or self.path))

    def test(self, path: Path | str | None = None, max_question: int = 100) -> Any:
        result = benchmark(self.load(path), Dataset("valid"), max_question)
        print(f"accuracy {result.accuracy:.3f}  answer_rate {result.answer_rate:.3f}")
        return result
