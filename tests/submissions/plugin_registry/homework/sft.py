from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments

from .base_llm import CHECKPOINT, BaseLLM, tokenizer_for
from .data import Dataset, benchmark
from .registry import precisions, prompts

PACKAGE = Path(__file__).resolve().parent

STORED = {"task_type": "CAUSAL_LM", "bias": "none", "target_modules": "all-linear", "inference_mode": True}
TRAINED = STORED | {"inference_mode": False}


@precisions("fp32")
def _fp32():
    return {}


@precisions("bf16")
def _bf16():
    if not (torch.cuda.is_available() and torch.cuda.is_bf16_supported()):
        raise RuntimeError("bf16 is not there; take fp32")
    return {"bf16": True}


@precisions("fp16")
def _fp16():
    if not torch.cuda.is_available():
        raise RuntimeError("fp16 without CUDA would silently be fp32; take that")
    return {"fp16": True}  # fp32 weights, autocast and the gradient scaler of accelerate


@precisions("best")
def _best():
    return {"bf16": True} if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else {}


def adapter_path(name_or_path) -> Path:
    given = Path(name_or_path)
    folder = given if given.is_dir() else PACKAGE / given.name
    files = {"adapter_config.json"}, {"adapter_model.safetensors", "adapter_model.bin"}
    here = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
    if not all(wanted & here for wanted in files):
        raise FileNotFoundError(f"{folder}: no adapter ({', '.join(sorted(here)) or 'nothing there'})")
    return folder


def attach(llm: BaseLLM, name) -> BaseLLM:
    llm.model = PeftModel.from_pretrained(llm.model, adapter_path(name), is_trainable=False).to(llm.device).eval()
    return llm


def load() -> BaseLLM:
    return attach(BaseLLM(), "sft_model")


def tokenize(tokenizer, question: str, answer: str):
    asked = tokenizer(question)["input_ids"]
    said = tokenizer(answer)["input_ids"] + [tokenizer.eos_token_id]
    return {
        "input_ids": asked + said,
        "attention_mask": [1] * (len(asked) + len(said)),
        "labels": [-100] * len(asked) + said,
    }


def format_with(style: str, prompt: str, answer: float, *reasoning: str) -> dict[str, str]:
    template = prompts[style](None)  # the trained styles are plain text
    return {"question": template.render(prompt), "answer": template.completion(answer, *reasoning)}


format_example = partial(format_with, "direct")


class TokenizedDataset(torch.utils.data.Dataset):
    def __init__(self, tokenizer, data, format_fn):
        self.rows = [tokenize(tokenizer, **format_fn(*row)) for row in data]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, idx):
        return self.rows[idx]


class FiniteTrainer(Trainer):
    def training_step(self, *args, **kwargs):
        loss = super().training_step(*args, **kwargs)
        if not torch.isfinite(loss).all():
            raise FloatingPointError(f"loss {loss.item()} in step {self.state.global_step}")
        return loss


def train_style(style, rows, output_dir, *, rank, learning_rate, epochs, batch=32, precision="best", seed=42):
    llm = BaseLLM(style=style)
    model = get_peft_model(llm.model, LoraConfig(r=rank, lora_alpha=4 * rank, lora_dropout=0.05, **TRAINED))
    model.print_trainable_parameters()
    padded_behind = tokenizer_for(CHECKPOINT, "right")
    args = TrainingArguments(
        output_dir=str(output_dir),
        num_train_epochs=epochs,
        learning_rate=learning_rate,
        per_device_train_batch_size=batch,
        lr_scheduler_type="cosine",
        warmup_steps=10,
        logging_steps=20,
        logging_nan_inf_filter=False,
        save_strategy="no",
        report_to=[],
        seed=seed,
        **precisions[precision](),
    )
    trainer = FiniteTrainer(
        model=model,
        args=args,
        train_dataset=TokenizedDataset(padded_behind, rows, partial(format_with, style)),
        data_collator=DataCollatorForSeq2Seq(padded_behind, label_pad_token_id=-100),
    )
    trainer.train()
    trainer.save_model(str(output_dir))


def report(llm):
    print(benchmark(llm, Dataset("valid"), 100))


def train_model(output_dir=PACKAGE / "sft_model", rank=8, learning_rate=7e-4, epochs=5, **kwargs):
    train_style("direct", Dataset("train"), output_dir, rank=rank, learning_rate=learning_rate, epochs=epochs, **kwargs)
    test_model(output_dir)


def test_model(ckpt_path="sft_model"):
    report(attach(BaseLLM(), ckpt_path))


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
