from __future__ import annotations

from pathlib import Path

from peft import LoraConfig, PeftModel, get_peft_model

from .base_llm import BaseLLM
from .data import Dataset, benchmark
from .engine import Plan, run
from .tokenization import RowEncoder

HOME = Path(__file__).resolve().parent


def lora(rank: int) -> LoraConfig:
    return LoraConfig(r=rank, lora_alpha=4 * rank, target_modules="all-linear", bias="none", task_type="CAUSAL_LM")


def restore(llm: BaseLLM, folder) -> BaseLLM:
    folder = Path(folder)
    weights = folder / "adapter_model.safetensors", folder / "adapter_model.bin"
    if not any(path.exists() for path in weights):
        raise FileNotFoundError(f"{folder} has no adapter; train first")
    llm.model = PeftModel.from_pretrained(llm.model, str(folder)).to(llm.device).eval()
    return llm


def load() -> BaseLLM:
    return restore(BaseLLM(), HOME / "sft_model")


def tokenize(tokenizer, question: str, answer: str):
    return RowEncoder(tokenizer)(question, answer)


def format_example(prompt: str, answer: float) -> dict[str, str]:
    return {"question": f"{prompt.strip()} <answer>", "answer": f"{round(answer, 3)}</answer>"}


class TokenizedDataset:
    def __init__(self, tokenizer, data, format_fn):
        self.tokenizer, self.data, self.format_fn = tokenizer, data, format_fn

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        return tokenize(self.tokenizer, **self.format_fn(*self.data[idx]))


def finetune(llm: BaseLLM, rows, format_fn, output_dir, rank: int, plan: Plan):
    model = get_peft_model(llm.model, lora(rank))
    model.print_trainable_parameters()
    run(model, TokenizedDataset(llm.tokenizer, rows, format_fn), plan)
    model.save_pretrained(str(output_dir))


def show(llm: BaseLLM):
    result = benchmark(llm, Dataset("valid"), 100)
    print(f"accuracy: {result.accuracy:.3f}   answer rate: {result.answer_rate:.3f}")


def train_model(output_dir: str = str(HOME / "sft_model"), rank: int = 8, **kwargs):
    finetune(BaseLLM(), Dataset("train"), format_example, output_dir, rank, Plan(**kwargs))
    test_model(output_dir)


def test_model(ckpt_path: str = str(HOME / "sft_model")):
    show(restore(BaseLLM(), ckpt_path))


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
