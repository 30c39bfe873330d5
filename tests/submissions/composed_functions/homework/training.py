from functools import partial
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import Trainer, TrainingArguments

from homework.core import DEVICE, HERE, BaseLLM, load_stage, modes
from homework.data import Dataset, benchmark, read_rows
from homework.prompts import STYLES, rft_target, sft_target

LENGTH = 160

TARGETS = {
    "sft": lambda row: sft_target(row[1]),
    "rft": lambda row: rft_target(row[2]),
}
SOURCES = {"sft": partial(Dataset, "train"), "rft": partial(read_rows, "rft")}


def tokenize(tokenizer, question, answer):
    head = tokenizer(question)["input_ids"]
    ids = (tokenizer(question + answer)["input_ids"] + [tokenizer.eos_token_id])[:LENGTH]
    pad = LENGTH - len(ids)
    return {
        "input_ids": ids + pad * [tokenizer.pad_token_id],
        "attention_mask": len(ids) * [1] + pad * [0],
        "labels": len(head) * [-100] + ids[len(head) :] + pad * [-100],
    }


def learnable(example):
    return any(label != -100 for label in example["labels"])


def examples(llm, stage):
    prompt, _ = STYLES[stage]
    made = (tokenize(llm.tokenizer, prompt(row[0]), TARGETS[stage](row)) for row in SOURCES[stage]())
    return list(filter(learnable, made))


def flags_for(mode):
    flags = modes()[mode]["flags"]
    if flags.get("fp16") and not torch.cuda.is_available():
        raise SystemExit("mode with fp16 needs CUDA; take `course`")
    if flags.get("bf16") and not (DEVICE == "cuda" and torch.cuda.is_bf16_supported()):
        raise SystemExit("mode with bf16 needs a GPU that has it; take `course`")
    return flags


def lora(rank):
    return LoraConfig(r=rank, lora_alpha=4 * rank, target_modules="all-linear", bias="none", task_type="CAUSAL_LM")


def train_stage(stage, output_dir=None, mode="course", **kwargs):
    out = str(Path(output_dir) if output_dir else HERE / f"{stage}_output")
    llm = BaseLLM(style=STYLES[stage], mode=mode)
    model = get_peft_model(llm.model, lora(modes()[mode]["rank"][stage]))
    settings = dict(
        output_dir=out,
        per_device_train_batch_size=32,
        num_train_epochs=5,
        learning_rate=7e-4,
        lr_scheduler_type="cosine",
        logging_steps=10,
        save_strategy="no",
        report_to="none",
    )
    trainer = Trainer(
        model=model,
        args=TrainingArguments(**{**settings, **flags_for(mode), **kwargs}),
        train_dataset=examples(llm, stage),
    )
    trainer.train()
    model.save_pretrained(out)
    return test_stage(stage, out)


def test_stage(stage, ckpt_path=None):
    result = benchmark(load_stage(stage, 60, ckpt_path), Dataset("valid"), 100)
    print(f"{stage}: {result.accuracy:.3f} correct, {result.answer_rate:.3f} answered")
    return result.accuracy
