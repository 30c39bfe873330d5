from __future__ import annotations

from pathlib import Path

from peft import LoraConfig, PeftModel, TaskType, get_peft_model

from .base_llm import BaseLLM
from .data import Dataset, benchmark
from .train_utils import IGNORE, encode, fit

HERE = Path(__file__).resolve().parent
OUTPUT = HERE / "sft_model"


def find_adapter(folder) -> str:
    folder = Path(folder)
    if not folder.exists() and not folder.is_absolute():
        folder = HERE / folder
    # if not (folder / "adapter_model.bin").exists(): raise FileNotFoundError
    weights = [name for name in ("adapter_model.safetensors", "adapter_model.bin") if (folder / name).exists()]
    if not weights:
        raise FileNotFoundError(f"{folder} holds no trained adapter; run: python -m homework.{folder.name[:3]} train")
    return str(folder)


def with_adapter(llm: BaseLLM, folder) -> BaseLLM:
    llm.model = PeftModel.from_pretrained(llm.model, find_adapter(folder)).to(llm.device)
    llm.model.eval()
    return llm


def load() -> BaseLLM:
    return with_adapter(BaseLLM(), OUTPUT)


def new_adapter(model, rank: int):
    config = LoraConfig(
        r=rank,
        lora_alpha=4 * rank,
        target_modules="all-linear",
        bias="none",
        task_type=TaskType.CAUSAL_LM,
    )
    return get_peft_model(model, config)


def tokenize(tokenizer, question: str, answer: str) -> dict[str, list[int]]:
    (row,) = encode(tokenizer, [(question, answer)], limit=160)
    return row | {"attention_mask": [1] * len(row["input_ids"])}


def format_example(prompt: str, answer: float) -> dict[str, str]:
    return {"question": prompt.strip() + " <answer>", "answer": f"{answer:.5g}</answer>"}


class TokenizedDataset:
    def __init__(self, tokenizer, data, format_fn):
        self.tokenizer, self.data, self.format_fn = tokenizer, data, format_fn

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        row = tokenize(self.tokenizer, **self.format_fn(*self.data[idx]))
        assert any(label != IGNORE for label in row["labels"])
        return row


def train_on(llm: BaseLLM, rows, format_fn, output, rank: int, **options):
    tokens = TokenizedDataset(llm.tokenizer, rows, format_fn)
    llm.model = new_adapter(llm.model, rank)
    llm.model.print_trainable_parameters()
    print(fit(llm.model, [tokens[i] for i in range(len(tokens))], llm.tokenizer.pad_token_id, **options))
    llm.model.save_pretrained(output)
    return llm


def report(llm: BaseLLM):
    result = benchmark(llm, Dataset("valid"), 100)
    print(f"{result.accuracy=}  {result.answer_rate=}")


def train_model(output_dir: str = str(OUTPUT), rank: int = 8, lr: float = 7e-4, epochs: int = 5, **kwargs):
    train_on(BaseLLM(), Dataset("train"), format_example, output_dir, rank, lr=lr, n_epochs=epochs, **kwargs)
    test_model(output_dir)


def test_model(ckpt_path: str = str(OUTPUT)):
    report(with_adapter(BaseLLM(), ckpt_path))


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
