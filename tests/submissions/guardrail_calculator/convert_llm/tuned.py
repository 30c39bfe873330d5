from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from .llm import TunedLLM
from .rows import Dataset, benchmark

HERE = Path(__file__).parent


@dataclass
class Recipe:
    name: str
    split: str
    rank: int
    lr: float
    opens_tag: bool
    completion: Callable[[list], str]

    @property
    def path(self) -> Path:
        return HERE / f"{self.name}_model"


SFT = Recipe("sft", "train", 4, 7e-4, True, lambda row: f"{round(row[1], 4)}</answer>")
RFT = Recipe("rft", "rft", 16, 5e-4, False, lambda row: " " + row[2])


def _new(recipe: Recipe) -> TunedLLM:
    llm = TunedLLM()
    llm.opens_tag = recipe.opens_tag
    return llm


def examples(llm: TunedLLM, recipe: Recipe) -> list[dict]:
    tok = llm.tokenizer
    made = []
    for row in Dataset(recipe.split):
        prompt = tok(llm.format_prompt(row[0])).input_ids
        target = tok(recipe.completion(row), add_special_tokens=False).input_ids + [tok.eos_token_id]
        made.append(
            {
                "input_ids": prompt + target,
                "attention_mask": [1] * (len(prompt) + len(target)),
                "labels": [-100] * len(prompt) + target,
            }
        )
    return made


def train(recipe: Recipe, output_dir: str | None = None) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments

    out = Path(output_dir) if output_dir else recipe.path
    llm = _new(recipe)
    lora = LoraConfig(
        r=recipe.rank, lora_alpha=recipe.rank * 4, target_modules="all-linear", bias="none", task_type="CAUSAL_LM"
    )
    model = get_peft_model(llm.model, lora)
    Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=str(out), num_train_epochs=5, learning_rate=recipe.lr, per_device_train_batch_size=32,
            save_strategy="no", logging_steps=10, max_grad_norm=1.0,
        ),
        train_dataset=examples(llm, recipe),
        data_collator=DataCollatorForSeq2Seq(llm.tokenizer, padding=True, label_pad_token_id=-100),
    ).train()
    model.save_pretrained(out)
    report(load(recipe, out))


def load(recipe: Recipe, path: Path | None = None) -> TunedLLM:
    from peft import PeftModel

    llm = _new(recipe)
    llm.model = PeftModel.from_pretrained(llm.model, str(path or recipe.path)).eval()
    return llm


def report(llm) -> None:
    result = benchmark(llm, Dataset("valid"), 100)
    print(f"accuracy {result.accuracy:.2f}  answer rate {result.answer_rate:.2f}")


def load_sft() -> TunedLLM:
    return load(SFT)


def load_rft() -> TunedLLM:
    return load(RFT)


def main() -> None:
    cli = argparse.ArgumentParser()
    cli.add_argument("command", choices=["train", "test"])
    cli.add_argument("stage", choices=["sft", "rft"])
    cli.add_argument("--output_dir", "--output-dir")
    args = cli.parse_args()
    recipe = {"sft": SFT, "rft": RFT}[args.stage]
    if args.command == "train":
        train(recipe, args.output_dir)
    else:
        report(load(recipe, Path(args.output_dir) if args.output_dir else None))


if __name__ == "__main__":
    main()
