"""Shared by sft.py and rft.py. `accelerate launch -m homework.sft train` uses all GPUs through the Trainer."""

import os
import shutil
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import EarlyStoppingCallback, Trainer, TrainingArguments


def tokenize(tokenizer, question, answer):
    start = tokenizer(question)["input_ids"]
    end = tokenizer(answer)["input_ids"] + [tokenizer.eos_token_id]
    return {"input_ids": start + end, "labels": [-100] * len(start) + end}


class TokenizedDataset:
    def __init__(self, tokenizer, data, format_fn, max_length=160):
        rows = [tokenize(tokenizer, **format_fn(*data[i])) for i in range(len(data))]
        self.rows = [r for r in rows if len(r["input_ids"]) <= max_length]
        if len(self.rows) < len(rows):
            print(f"dropped {len(rows) - len(self.rows)} of {len(rows)} rows (over {max_length} tokens)")

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


class Padder:
    def __init__(self, tokenizer):
        self.fill = {"input_ids": tokenizer.pad_token_id, "labels": -100, "attention_mask": 0}

    def __call__(self, rows):
        width = max(len(r["input_ids"]) for r in rows)
        batch = {k: [] for k in self.fill}
        for r in rows:
            full = {**r, "attention_mask": [1] * len(r["input_ids"])}
            for key, value in self.fill.items():
                batch[key].append(full[key] + [value] * (width - len(full[key])))
        return {k: torch.tensor(v) for k, v in batch.items()}


def attach(llm, folder):
    folder = Path(folder)
    if not (folder / "adapter_config.json").exists():
        raise FileNotFoundError(f"{folder}: no adapter here, run the training first")
    llm.model = PeftModel.from_pretrained(llm.model, folder).to(llm.device).eval()
    return llm


def run(llm, stage, train_set, eval_set, output_dir):
    model = get_peft_model(
        llm.model,
        LoraConfig(
            task_type="CAUSAL_LM", target_modules="all-linear", r=stage.rank, lora_alpha=2 * stage.rank, use_rslora=True
        ),
    )
    counted = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert counted > 0
    assert any(t != -100 for t in train_set[0]["labels"])
    print(f"{stage.name}: {counted:,} trainable parameters, {len(train_set)} rows")
    output_dir = Path(output_dir).absolute()
    work = output_dir.with_name(output_dir.name + ".tmp")  # the same on every rank
    args = TrainingArguments(
        output_dir=str(work / "checkpoints"),
        learning_rate=stage.lr,
        num_train_epochs=stage.epochs,
        per_device_train_batch_size=stage.batch_size,
        lr_scheduler_type="cosine",
        warmup_ratio=0.05,
        bf16=torch.cuda.is_available() and torch.cuda.is_bf16_supported(),
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        label_names=["labels"],
        logging_steps=10,
        report_to="none",
    )
    trainer = Trainer(
        model=model,
        args=args,
        train_dataset=train_set,
        eval_dataset=eval_set,
        data_collator=Padder(llm.tokenizer),
        callbacks=[EarlyStoppingCallback(early_stopping_patience=2)],
    )
    trainer.train()
    trainer.accelerator.wait_for_everyone()
    if trainer.is_world_process_zero():
        trainer.model.save_pretrained(work / "final")
        if output_dir.exists():
            shutil.rmtree(output_dir)
        os.replace(work / "final", output_dir)
        shutil.rmtree(work)
