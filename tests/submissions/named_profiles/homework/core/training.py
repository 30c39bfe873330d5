from __future__ import annotations

import torch
from peft import get_peft_model
from transformers import DataCollatorForSeq2Seq, Trainer, TrainerCallback, TrainingArguments

from .config import PROFILES, Job


class StopOnNaN(TrainerCallback):
    """Stops before a broken gradient reaches the weights. It repairs nothing on purpose."""

    def __init__(self):
        self.history: list[float] = []

    def on_pre_optimizer_step(self, args, state, control, model=None, **kwargs):
        bad = [n for n, p in model.named_parameters() if p.grad is not None and not torch.isfinite(p.grad).all()]
        if bad and not args.fp16:  # the scaler of fp16 skips such steps itself
            raise FloatingPointError(f"step {state.global_step}: gradient of {bad[0]} is not finite")

    def on_log(self, args, state, control, logs=None, **kwargs):
        if logs and "loss" in logs:
            self.history.append(float(logs["loss"]))

    def curve(self) -> list[float]:
        # for the plot in the report only: matplotlib draws a gap as a zero
        return torch.nan_to_num(torch.tensor(self.history), nan=0.0).tolist()


def train(job: Job, llm, dataset, profile: str = "default"):
    flags = dict(PROFILES[profile])
    if flags["fp16"] and not torch.cuda.is_available():
        raise SystemExit(f"profile {profile} needs CUDA")
    llm.model = get_peft_model(llm.model, job.adapter.to_lora(for_training=True))
    args = TrainingArguments(
        output_dir=str(job.path),
        learning_rate=job.learning_rate,
        num_train_epochs=job.epochs,
        per_device_train_batch_size=32,
        logging_steps=5,
        logging_nan_inf_filter=False,
        save_strategy="no",
        report_to="none",
        **flags,
    )
    watch = StopOnNaN()
    trainer = Trainer(
        model=llm.model,
        args=args,
        train_dataset=dataset,
        data_collator=DataCollatorForSeq2Seq(llm.tokenizer, label_pad_token_id=-100),
        callbacks=[watch],
    )
    trainer.train()
    job.path.mkdir(parents=True, exist_ok=True)
    llm.model.save_pretrained(job.path)
    print("loss", watch.curve())
