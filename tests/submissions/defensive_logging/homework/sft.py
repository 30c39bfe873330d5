import argparse
import logging
import math
from pathlib import Path

import torch

from .adapter import attach, load_cached, save
from .base_llm import BaseLLM
from .data import Dataset, benchmark
from .util import setup_logging

log = logging.getLogger(__name__)
FOLDER = Path(__file__).resolve().parent / "sft_model"


def load() -> BaseLLM:
    return load_cached(BaseLLM, FOLDER)


def tokenize(tokenizer, question: str, answer: str, max_length: int = 192) -> dict:
    head = tokenizer(question)["input_ids"]
    tail = tokenizer(answer, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
    ids, labels = head + tail, [-100] * len(head) + tail
    if len(ids) > max_length:
        raise ValueError(f"{len(ids)} tokens are more than {max_length}: {question!r}")
    return {"input_ids": ids, "attention_mask": [1] * len(ids), "labels": labels}


def format_example(prompt: str, answer: float) -> dict:
    return {"question": f"{prompt.strip()} <answer>", "answer": f"{round(answer, 3)}</answer>"}


class TokenizedDataset(list):
    def __init__(self, tokenizer, data, format_fn):
        super().__init__()
        for row in data:
            try:
                self.append(tokenize(tokenizer, **format_fn(*row)))
            except ValueError as error:
                log.warning("row skipped: %s", error)
                continue
            assert any(x != -100 for x in self[-1]["labels"]), row
        if len(self) < 0.95 * len(data):
            raise RuntimeError(f"only {len(self)} of {len(data)} rows are left")


def fit(llm, dataset, output_dir, rank=8, learning_rate=6e-4, epochs=5):
    from peft import LoraConfig, get_peft_model
    from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments

    llm.tokenizer.padding_side = "right"
    config = LoraConfig(r=rank, lora_alpha=4 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(llm.model, config)
    args = TrainingArguments(
        output_dir=str(output_dir),
        per_device_train_batch_size=8,
        gradient_accumulation_steps=4,
        learning_rate=learning_rate,
        num_train_epochs=epochs,
        warmup_steps=10,
        max_grad_norm=1.0,
        bf16=torch.cuda.is_available() and torch.cuda.is_bf16_supported(),
        logging_steps=5,
        logging_nan_inf_filter=False,
        save_strategy="no",
        report_to="none",
        label_names=["labels"],
    )
    # pads the labels with -100, and nothing else than the labels
    collator = DataCollatorForSeq2Seq(llm.tokenizer, padding=True, label_pad_token_id=-100)
    trainer = Trainer(model=model, args=args, train_dataset=dataset, data_collator=collator)
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    if not all(map(math.isfinite, losses)):
        raise FloatingPointError(f"the loss was not finite, nothing saved: {losses}")
    save(model, output_dir)


def train_model(output_dir=FOLDER, **kwargs):
    llm = BaseLLM()
    fit(llm, TokenizedDataset(llm.tokenizer, Dataset("train"), format_example), output_dir, **kwargs)
    return test_model(output_dir)


def test_model(ckpt_path=FOLDER, factory=BaseLLM):
    result = benchmark(attach(factory(), ckpt_path), Dataset("valid"), 100)
    log.info("accuracy=%.3f answer_rate=%.3f", result.accuracy, result.answer_rate)
    return result


def main(train, test, load_fn, folder):
    setup_logging()
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=("train", "test", "load"))
    parser.add_argument("--output_dir", "--output-dir", "--ckpt_path", "--ckpt-path", default=str(folder), dest="folder")
    ns = parser.parse_args()
    return load_fn() if ns.command == "load" else {"train": train, "test": test}[ns.command](ns.folder)


if __name__ == "__main__":
    main(train_model, test_model, load, FOLDER)
