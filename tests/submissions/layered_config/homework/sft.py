from __future__ import annotations

import math
from dataclasses import fields, replace

from .adapters import attach, fresh, resolve
from .base_llm import BaseLLM
from .config import SFTConfig, TrainConfig
from .data import Dataset, benchmark

IGNORED = -100


def load() -> BaseLLM:
    config = SFTConfig()
    llm = BaseLLM(config=config)
    llm.model = attach(llm.model, config.output_name)
    return llm


def tokenize(tokenizer, question: str, answer: str, max_length: int = 128):
    prompt = tokenizer(question)["input_ids"]
    completion = tokenizer(answer)["input_ids"] + [tokenizer.eos_token_id]
    ids = prompt + completion
    if len(ids) > max_length:
        raise ValueError(f"{len(ids)} tokens, {max_length} allowed: {question!r}")
    return {
        "input_ids": ids,
        "attention_mask": [1] * len(ids),
        "labels": [IGNORED] * len(prompt) + completion,
    }


def format_example(prompt: str, answer: float) -> dict[str, str]:
    return {"question": f"{prompt.strip()} <answer>", "answer": f"{round(answer, 3)}</answer>"}


class TokenizedDataset:
    def __init__(self, tokenizer, data, format_fn, max_length: int = 128):
        self.tokenizer, self.data, self.format_fn, self.max_length = tokenizer, data, format_fn, max_length

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        return tokenize(self.tokenizer, **self.format_fn(*self.data[index]), max_length=self.max_length)


class RightPadding:
    """Training rows are padded behind their end; generation pads in front, see BaseLLM."""

    def __init__(self, pad_id: int):
        # attention_mask keeps the real end-of-text token apart from the padding, which has the same id
        self.fill = {"input_ids": pad_id, "attention_mask": 0, "labels": IGNORED}

    def __call__(self, rows):
        import torch

        longest = max(len(row["input_ids"]) for row in rows)
        return {
            key: torch.tensor([list(row[key]) + [value] * (longest - len(row[key])) for row in rows])
            for key, value in self.fill.items()
        }


def override(config: TrainConfig, options: dict) -> TrainConfig:
    known = {f.name for f in fields(config)}
    unknown = set(options) - known
    if unknown:
        raise TypeError(f"unknown options: {', '.join(sorted(unknown))}")
    return replace(config, **options)


def run_training(llm: BaseLLM, config: TrainConfig, rows, format_fn, output_dir: str | None):
    from transformers import Trainer, TrainerCallback, TrainingArguments, set_seed

    class StopOnNan(TrainerCallback):
        def on_log(self, args, state, control, logs=None, **_):
            for key in ("loss", "grad_norm"):
                if args.fp16 and key == "grad_norm":
                    continue  # the scaler skips such a step by itself
                if key in (logs or {}) and not math.isfinite(logs[key]):
                    raise FloatingPointError(f"{key} is {logs[key]} at step {state.global_step}")

    set_seed(config.seed)
    target = resolve(output_dir or config.output_name)
    model = fresh(llm.model, config.lora)
    model.enable_input_require_grads()
    model.config.use_cache = False
    arguments = TrainingArguments(
        output_dir=str(target),
        per_device_train_batch_size=config.micro_batch,
        gradient_accumulation_steps=config.accumulation,
        num_train_epochs=config.epochs,
        learning_rate=config.learning_rate,
        lr_scheduler_type="cosine",
        max_grad_norm=1.0,
        gradient_checkpointing=True,
        gradient_checkpointing_kwargs={"use_reentrant": False},
        logging_steps=10,
        logging_nan_inf_filter=False,
        save_strategy="no",
        report_to="none",
        remove_unused_columns=False,
        seed=config.seed,
        **config.amp_flags,
    )
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=TokenizedDataset(llm.tokenizer, rows, format_fn, config.max_length),
        data_collator=RightPadding(llm.tokenizer.pad_token_id),
        callbacks=[StopOnNan()],
    )
    trainer.train()
    model.save_pretrained(str(target))
    return target


def train_model(output_dir: str | None = None, **kwargs):
    config = override(SFTConfig(), kwargs)
    target = run_training(BaseLLM(config=config), config, Dataset("train"), format_example, output_dir)
    test_model(str(target))


def test_model(ckpt_path: str | None = None):
    config = SFTConfig()
    llm = BaseLLM(config=config)
    llm.model = attach(llm.model, ckpt_path or config.output_name)
    result = benchmark(llm, Dataset("valid"), 100)
    print(f"accuracy={result.accuracy:.3f} answer_rate={result.answer_rate:.3f}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
