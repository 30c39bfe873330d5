import json
from pathlib import Path

from .base_llm import BaseLLM
from .data import DATA_DIR, Dataset, benchmark
from .sft import PACKAGE, TokenizedDataset, attach_adapter, run_training


class RFTModel(BaseLLM):
    def format_prompt(self, question: str) -> str:
        return question.strip()


def load() -> BaseLLM:
    return attach_adapter(RFTModel(), PACKAGE / "rft_model")


def format_example(prompt: str, answer: float, reasoning: str) -> dict[str, str]:
    return {"question": prompt.strip(), "answer": f" {reasoning}"}


def train_model(output_dir: str = str(PACKAGE / "rft_model"), **kwargs):
    llm = RFTModel()
    with (DATA_DIR / "rft.json").open() as f:
        dataset = TokenizedDataset(llm.tokenizer, json.load(f), format_example)
    run_training(llm, dataset, Path(output_dir), rank=16, learning_rate=5e-4, epochs=5)
    test_model(output_dir)


def test_model(ckpt_path: str = str(PACKAGE / "rft_model")):
    benchmark_result = benchmark(attach_adapter(RFTModel(), ckpt_path), Dataset("valid"), 100)
    print(f"{benchmark_result.accuracy=}  {benchmark_result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
