from pathlib import Path

from .base_llm import BaseLLM
from .data import Dataset, benchmark
from .memory import free_memory
from .sft import load_adapter, train_with_retries


def load() -> BaseLLM:
    return load_adapter(Path(__file__).parent / "rft_model")


def format_example(prompt: str, answer: float, reasoning: str) -> dict[str, str]:
    return {"question": prompt.strip(), "answer": reasoning.strip()}


def train_model(output_dir: str = "homework/rft_model", rank: int = 8, epochs: int = 5, **kwargs):
    # reasoning is longer, 192 was enough for all of my rows
    train_with_retries(output_dir, Dataset("rft"), format_example, rank, epochs, max_length=192)
    free_memory()
    test_model(output_dir)


def test_model(ckpt_path: str = "homework/rft_model"):
    llm = load_adapter(ckpt_path)
    result = benchmark(llm, Dataset("valid"), 100)
    print(f"{result.accuracy=}  {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
