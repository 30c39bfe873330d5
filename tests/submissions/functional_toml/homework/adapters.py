"""Everything that sft and rft share. No classes but the row container."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch

from .base_llm import CHECKPOINT, BaseLLM
from .config import PACKAGE, pick, section
from .data import Dataset, benchmark


def tokenize(tokenizer, question: str, answer: str, max_length: int = 128) -> dict[str, list[int]]:
    prompt = tokenizer(question)["input_ids"]
    target = tokenizer(answer)["input_ids"] + [tokenizer.eos_token_id]
    ids = (prompt + target)[:max_length]
    labels = ([-100] * len(prompt) + target)[:max_length]
    return {"input_ids": ids, "attention_mask": [1] * len(ids), "labels": labels}


class TokenizedDataset:
    def __init__(self, tokenizer, data: Sequence, format_fn: Callable, max_length: int = 128):
        self.rows = [tokenize(tokenizer, **format_fn(*row), max_length=max_length) for row in data]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


def right_pad(rows: list[dict], fill: dict[str, int]) -> dict[str, torch.Tensor]:
    width = max(len(r["input_ids"]) for r in rows)
    return {k: torch.tensor([r[k] + [v] * (width - len(r[k])) for r in rows]) for k, v in fill.items()}


def destination(output_dir: str | Path) -> Path:
    target = PACKAGE / output_dir
    target.mkdir(parents=True, exist_ok=True)
    return target


def with_lora(model, options: dict):
    from peft import LoraConfig, get_peft_model

    wanted = pick(options, "r", "lora_alpha", "lora_dropout", "target_modules", "bias", "task_type")
    return get_peft_model(model, LoraConfig(**wanted))


def fit(llm: BaseLLM, dataset: TokenizedDataset, name: str, output_dir: str | Path, **overrides) -> Path:
    from transformers import Trainer, TrainingArguments

    options = section("lora", name) | overrides
    out = destination(output_dir)
    model = with_lora(llm.model, options)
    bf16 = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    args = TrainingArguments(
        output_dir=str(out),
        bf16=bf16,
        remove_unused_columns=False,
        label_names=["labels"],
        **section("trainer"),
        **pick(options, "learning_rate", "num_train_epochs"),
    )
    fill = {"input_ids": llm.tokenizer.pad_token_id, "attention_mask": 0, "labels": -100}
    trainer = Trainer(model=model, args=args, train_dataset=dataset, data_collator=partial(right_pad, fill=fill))
    trainer.train()
    trainer.save_model(str(out))
    return out


def new_llm(formatter: Callable[[str], str], name: str) -> BaseLLM:
    return BaseLLM(CHECKPOINT, formatter=formatter, max_new_tokens=section(name)["max_new_tokens"])


def new_fast_llm(formatter: Callable[[str], str], name: str) -> BaseLLM:
    limits = pick(section(name), "max_new_tokens")
    return BaseLLM(CHECKPOINT, dtype=torch.float16, formatter=formatter, **limits)


def attach(llm: BaseLLM, folder: str | Path) -> BaseLLM:
    from peft import PeftModel

    folder = Path(folder)
    if not (folder / "adapter_config.json").exists():
        raise FileNotFoundError(f"{folder} holds no adapter")
    llm.model = PeftModel.from_pretrained(llm.model, str(folder)).to(llm.device).eval()
    return llm


def score(llm: BaseLLM, rows: int = 100):
    result = benchmark(llm, Dataset("valid"), rows)
    print(f"accuracy={result.accuracy:.3f} answer_rate={result.answer_rate:.3f}")
    return result


def run(argv: list[str], **commands: Callable):
    """`train --output_dir x` -> commands["train"](output_dir="x")"""
    command, *rest = argv
    keys = (k.lstrip("-").replace("-", "_") for k in rest[::2])
    return commands[command](**dict(zip(keys, rest[1::2])))
