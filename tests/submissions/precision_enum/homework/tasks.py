from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterator

import torch

from . import templates
from .core import BaseLLM, LLMConfig, Precision
from .data import Dataset, benchmark

ROOT = Path(__file__).resolve().parent
TRAINING = LLMConfig().but(precision=Precision.FULL)


class RFTModel(BaseLLM):
    def format_prompt(self, question: str) -> str:
        return templates.plain(question)

    def parse_answer(self, text: str) -> float:
        return super().parse_answer(text[text.rfind("<answer>"):]) if "<answer>" in text else float("nan")


class CoTModel(RFTModel):
    def format_prompt(self, question: str) -> str:
        return self.tokenizer.apply_chat_template(
            [
                {"role": "system", "content": "Be brief. Convert the units and write <answer>result</answer>."},
                {"role": "user", "content": "Turn 5 km into m."},
                {"role": "assistant", "content": "1 km = 1000 m. 5 * 1000 = <answer>5000</answer>"},
                {"role": "user", "content": question},
            ],
            tokenize=False,
            add_generation_prompt=True,
        )


@dataclass(frozen=True)
class Task:
    model: type[BaseLLM]
    folder: Path
    split: str
    rank: int
    prompt: Callable[[str], str]
    target: Callable[[list], str]

    def examples(self) -> Iterator[tuple[str, str]]:
        data = Dataset(self.split)
        for i in range(len(data)):
            row = data[i]
            yield self.prompt(row[0]), self.target(row)


TASKS = {
    "sft": Task(
        model=BaseLLM,
        folder=ROOT / "sft_model",
        split="train",
        rank=4,
        prompt=templates.card,
        target=lambda row: f"{round(row[1], 3)}</answer>",
    ),
    "rft": Task(
        model=RFTModel,
        folder=ROOT / "rft_model",
        split="rft",
        rank=16,
        prompt=templates.plain,
        target=lambda row: " " + row[2].strip(),
    ),
}


class Rows(torch.utils.data.Dataset):
    def __init__(self, tokenizer, pairs):
        self.rows = [self.encode(tokenizer, *pair) for pair in pairs]

    @staticmethod
    def encode(tokenizer, prompt: str, target: str) -> dict[str, list[int]]:
        p = tokenizer(prompt)["input_ids"]
        t = [*tokenizer(target, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
        return {"input_ids": p + t, "attention_mask": [1] * len(p + t), "labels": [-100] * len(p) + t}

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


def train_model(name: str, output_dir: str | None = None, epochs: int = 5) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments

    task = TASKS[name]
    llm = task.model(config=TRAINING)
    model = get_peft_model(
        llm.model,
        LoraConfig(
            r=task.rank, lora_alpha=task.rank * 4, target_modules="all-linear", bias="none", task_type="CAUSAL_LM"
        ),
    )
    out = Path(output_dir or task.folder)
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=str(out),
            num_train_epochs=epochs,
            learning_rate=5e-4,
            per_device_train_batch_size=32,
            logging_steps=10,
            save_strategy="no",
        ),
        train_dataset=Rows(llm.tokenizer, task.examples()),
        data_collator=DataCollatorForSeq2Seq(llm.tokenizer, label_pad_token_id=-100),
    )
    trainer.train()
    trainer.save_model(str(out))
    test_model(name, out)


def _load(name: str, folder: Path | None = None) -> BaseLLM:
    task = TASKS[name]
    return task.model.with_adapter(folder or task.folder)


def load_sft() -> BaseLLM:
    return _load("sft")


def load_rft() -> BaseLLM:
    return _load("rft")


def load_cot() -> CoTModel:
    return CoTModel()


def test_model(name: str, folder: Path | None = None) -> None:
    llm = load_cot() if name == "cot" else _load(name, folder)
    result = benchmark(llm, Dataset("valid"), 100)
    print(f"[{name}] accuracy={result.accuracy:.3f} answer_rate={result.answer_rate:.3f} in {llm.model.dtype}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model})
