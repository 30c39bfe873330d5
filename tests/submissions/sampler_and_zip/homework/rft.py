from pathlib import Path

from .base_llm import BaseLLM
from .data import Dataset, benchmark
from .sft import TokenizedDataset, finetune

MODEL_DIR = Path(__file__).parent / "rft_model"


def load(path=MODEL_DIR) -> BaseLLM:
    from peft import PeftModel

    llm = BaseLLM()
    llm.model = PeftModel.from_pretrained(llm.model, str(path))
    llm.model.eval()
    return llm


def format_example(prompt: str, answer: float, reasoning: str) -> dict[str, str]:
    return {"question": prompt, "answer": " " + reasoning}


def train_model(output_dir=MODEL_DIR, **kwargs):
    llm = BaseLLM()
    finetune(llm, TokenizedDataset(llm.tokenizer, Dataset("rft"), format_example), output_dir, 16, **kwargs)
    test_model(output_dir)


def test_model(ckpt_path=MODEL_DIR):
    print(benchmark(load(ckpt_path), Dataset("valid"), 100))


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
