from __future__ import annotations

from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import Trainer, TrainingArguments

from .base_llm import BaseLLM
from .data import Dataset, benchmark

PACKAGE = Path(__file__).resolve().parent
MAX_LEN = 144


class ConversionLLM(BaseLLM):
    """Base model plus an adapter of ours."""

    def __init__(self, adapter: str | Path | None = None):
        super().__init__()
        if adapter is not None:
            if not (Path(adapter) / "adapter_config.json").exists():
                raise FileNotFoundError(f"{adapter} holds no adapter")
            self.model = PeftModel.from_pretrained(self.model, adapter).to(self.device).eval()

    def format_prompt(self, question: str) -> str:
        return f"{question.strip()} <answer>"


def load() -> ConversionLLM:
    return ConversionLLM(PACKAGE / "sft_model")


def format_example(prompt: str, answer: float) -> dict[str, str]:
    return {"question": f"{prompt.strip()} <answer>", "answer": f"{answer:.6g}</answer>"}


def tokenize(tokenizer, question: str, answer: str) -> dict[str, list[int]]:
    prompt = tokenizer(question)["input_ids"]
    full = prompt + tokenizer(answer)["input_ids"] + [tokenizer.eos_token_id]
    if len(full) > MAX_LEN:
        raise ValueError(f"{len(full)} tokens: {question!r}")
    pad = tokenizer.pad_token_id
    ids = full + [pad] * (MAX_LEN - len(full))
    labels = [-100 if i < len(prompt) or t == pad else t for i, t in enumerate(ids)]
    mask = [int(i < len(full)) for i in range(MAX_LEN)]
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


class TokenizedDataset:
    def __init__(self, tokenizer, data: Dataset, format_fn):
        self.examples = [tokenize(tokenizer, **format_fn(*data[i])) for i in range(len(data))]

    def __len__(self):
        return len(self.examples)

    def __getitem__(self, idx):
        return self.examples[idx]


def finetune(llm: BaseLLM, data: TokenizedDataset, output_dir: Path, rank: int, lr: float, epochs: int):
    lora = LoraConfig(
        r=rank, lora_alpha=4 * rank, lora_dropout=0.05, target_modules="all-linear", task_type="CAUSAL_LM", bias="none"
    )
    model = get_peft_model(llm.model, lora)
    model.print_trainable_parameters()
    args = TrainingArguments(
        output_dir=str(output_dir),
        num_train_epochs=epochs,
        per_device_train_batch_size=32,
        learning_rate=lr,
        lr_scheduler_type="cosine",
        warmup_ratio=0.05,
        weight_decay=0.01,
        bf16=torch.cuda.is_available() and torch.cuda.is_bf16_supported(),
        logging_steps=10,
        save_strategy="epoch",
        save_total_limit=1,
        report_to="none",
    )
    trainer = Trainer(model=model, args=args, train_dataset=data)
    trainer.train()
    trainer.save_model(str(output_dir))


def train_model(output_dir: str = str(PACKAGE / "sft_model"), lr: float = 7e-4, epochs: int = 5):
    llm = ConversionLLM()
    data = TokenizedDataset(llm.tokenizer, Dataset("train"), format_example)
    finetune(llm, data, Path(output_dir), rank=8, lr=lr, epochs=epochs)
    test_model(output_dir)


def test_model(ckpt_path: str = str(PACKAGE / "sft_model")):
    r = benchmark(ConversionLLM(ckpt_path), Dataset("valid"), 100)
    print(f"{r.accuracy=} {r.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
