from pathlib import Path

from .adapters import attach, tune
from .base_llm import BaseLLM
from .calibration import CalibratedLLM
from .data import Dataset, benchmark
from .settings import settings


def load() -> BaseLLM:
    return attach(CalibratedLLM(), settings.sft_dir)


def tokenize(tokenizer, question: str, answer: str) -> dict:
    prompt_ids = tokenizer(question)["input_ids"]
    answer_ids = tokenizer(f" {answer}{tokenizer.eos_token}")["input_ids"]
    ids = prompt_ids + answer_ids
    return {"input_ids": ids, "attention_mask": [1] * len(ids), "labels": [-100] * len(prompt_ids) + answer_ids}


def format_example(prompt: str, answer: float) -> dict[str, str]:
    return {"question": prompt.strip(), "answer": f"<answer>{round(answer, 3)}</answer>"}


class TokenizedDataset:
    def __init__(self, tokenizer, data, format_fn):
        self.tokenizer, self.data, self.format_fn = tokenizer, data, format_fn

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> dict:
        return tokenize(self.tokenizer, **self.format_fn(*self.data[index]))


def train_model(output_dir: str | None = None, **kwargs) -> None:
    llm = BaseLLM()
    folder = Path(output_dir) if output_dir else settings.sft_dir
    tune(llm, TokenizedDataset(llm.tokenizer, Dataset("train"), format_example), folder, **kwargs)
    llm.model.eval()
    result = benchmark(llm, Dataset("valid"), 100)
    print(f"{result.accuracy=} {result.answer_rate=}")


def test_model(ckpt_path: str | None = None) -> None:
    llm = attach(BaseLLM(), Path(ckpt_path) if ckpt_path else settings.sft_dir)
    result = benchmark(llm, Dataset("valid"), 100)
    print(f"{result.accuracy=} {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
