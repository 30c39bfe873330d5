"""
No classes if I can help it. A model is a namespace of closures.

    from homework import load_sft
    load_sft().answer("How many cm are 3 m?")
"""
from __future__ import annotations

import itertools as it
import json
import math
import operator as op
import re
from collections.abc import Callable, Iterable
from functools import partial, reduce
from pathlib import Path
from types import SimpleNamespace as NS
from typing import Any, TypedDict

import torch

package = Path(__file__).parent
dataset: Callable[[str], list] = lambda split: json.loads((package.parent / "data" / f"{split}.json").read_text())
compose = lambda *fs: reduce(lambda f, g: lambda x: g(f(x)), fs)
nan = math.nan


class Plan(TypedDict):
    rows: str
    rank: int
    lr: float
    reply: Callable[..., str]


# --- prompts ----------------------------------------------------------------------------------------------------------

def cot_prompt(tokenizer, question: str) -> str:
    turn = lambda role, content: {"role": role, "content": content}
    return tokenizer.apply_chat_template(
        [
            turn("system", "Convert units. Be short. The number goes into <answer></answer>."),
            turn("user", "How many mm are 4 cm?"),
            turn("assistant", "1 cm = 10 mm. 4 * 10 = <answer>40</answer>"),
            turn("user", question),
        ],
        tokenize=False,
        add_generation_prompt=True,
    )


PROMPTS: dict[str, Callable[[Any, str], str]] = {
    "plain": lambda _, q: q,
    "sft": lambda _, q: f"{q.strip()} <answer>",
    "rft": lambda _, q: f"{q.strip()}\n>",
    "cot": cot_prompt,
}

PLANS: dict[str, Plan] = {
    "sft": {"rows": "train", "rank": 8, "lr": 7e-4, "reply": lambda q, a: f"{a:.5g}</answer>"},
    "rft": {"rows": "rft", "rank": 16, "lr": 5e-4, "reply": lambda q, a, why: f" {why}"},
}


def parse(text: str) -> float:
    match re.findall(r"([^<>\s]+)\s*</answer>", text):
        case []:
            return nan
        case [*_, last]:
            try:
                return float(last)
            except ValueError:
                return nan


# --- the model --------------------------------------------------------------------------------------------------------

def llm(checkpoint: str = "HuggingFaceTB/SmolLM2-360M-Instruct", style: str = "plain") -> NS:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    self = NS(
        device=device,
        tokenizer=AutoTokenizer.from_pretrained(checkpoint, padding_side="left"),
        model=AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(device),
        format_prompt=None,
        parse_answer=parse,
    )
    self.format_prompt = partial(PROMPTS[style], self.tokenizer)
    self.batched_generate = partial(sample, self)
    self.generate = lambda prompt: self.batched_generate([prompt])[0]
    # assigning answer here is how a closure model is made; there is no class behind it
    self.answer = lambda *questions: compose(
        partial(map, self.format_prompt), list, self.batched_generate, partial(map, self.parse_answer), list
    )(questions)
    return self


def sample(self: NS, prompts: list[str], num_return_sequences: int | None = None, temperature: float = 0, fit: int = 64) -> list:
    n = num_return_sequences or 1
    if len(prompts) > 1 and len(prompts) * n > fit:
        middle = len(prompts) // 2
        go = partial(sample, self, num_return_sequences=num_return_sequences, temperature=temperature, fit=fit)
        return go(prompts[:middle]) + go(prompts[middle:])
    x = self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)
    how = {"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}
    with torch.inference_mode():
        y = self.model.generate(**x, **how, max_new_tokens=50, num_return_sequences=n)
    texts = self.tokenizer.batch_decode(y[:, x["input_ids"].shape[1]:], skip_special_tokens=True)
    return texts if num_return_sequences is None else [texts[i:i + n] for i in range(0, len(texts), n)]


def place(kind_or_path: str) -> Path:
    """'sft' -> homework/sft_model; 'out/x' -> out/x, as given."""
    return package / f"{kind_or_path}_model" if kind_or_path in PLANS else Path(kind_or_path)


def restore(kind: str, where: str | None = None) -> NS:
    from peft import PeftModel

    self = llm(style=kind)
    folder = place(where or kind)
    if not (present := [*folder.glob("adapter_model*.safetensors"), *folder.glob("adapter_model*.bin")]):
        raise FileNotFoundError(f"neither safetensors nor bin in {folder}: {sorted(p.name for p in folder.glob('*'))}")
    self.model = PeftModel.from_pretrained(self.model, str(present[0].parent)).eval()
    return self


# --- training ---------------------------------------------------------------------------------------------------------

def encode(tokenizer, question: str, answer: str) -> dict[str, list[int]]:
    q, a = (tokenizer(t)["input_ids"] for t in (question, answer + tokenizer.eos_token))
    return {"input_ids": q + a, "attention_mask": [1] * len(q + a), "labels": [-100] * len(q) + a}


def train(kind: str, where: str | None = None, **overrides) -> NS:
    from peft import LoraConfig, get_peft_model
    from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments

    plan: Plan = {**PLANS[kind], **overrides}
    self = llm(style=kind)
    rows = [encode(self.tokenizer, self.format_prompt(row[0]), plan["reply"](*row)) for row in dataset(plan["rows"])]
    supervised = [sum(label != -100 for label in row["labels"]) for row in rows]
    if 0 in supervised:
        raise ValueError(f"row {supervised.index(0)} has nothing to learn")
    lora = dict(r=plan["rank"], lora_alpha=4 * plan["rank"], target_modules="all-linear", task_type="CAUSAL_LM")
    self.model = get_peft_model(self.model, LoraConfig(**lora))
    args = dict(per_device_train_batch_size=32, num_train_epochs=5, learning_rate=plan["lr"], save_strategy="no", logging_steps=10)
    trainer = Trainer(self.model, TrainingArguments(str(place(where or kind)), **args), DataCollatorForSeq2Seq(self.tokenizer), rows)
    trainer.train()
    history = [line["loss"] for line in trainer.state.log_history if "loss" in line]
    if not all(map(math.isfinite, history)):
        raise FloatingPointError(f"loss was {history}")
    self.model.save_pretrained(place(where or kind))
    return self


# --- scores -----------------------------------------------------------------------------------------------------------

def is_answer_valid(answer: float, correct_answer: float, relative_tolerance: float = 0.05) -> bool:
    a, c = map(partial(round, ndigits=3), (answer, correct_answer))
    return abs(a - c) < relative_tolerance * abs(c)


def benchmark(func, rows: list, max_question: int) -> dict[str, float]:
    rows = rows[:max_question]
    answers = func.answer(*map(op.itemgetter(0), rows))
    mean = lambda xs: sum(xs := list(xs)) / len(xs) if xs else 0.0
    return {
        "accuracy": mean(list(it.starmap(is_answer_valid, zip(answers, map(op.itemgetter(1), rows))))),
        "answer_rate": mean([a == a for a in answers]),
    }


def main(argv: Iterable[str]) -> None:
    match list(argv):
        case ["cot", "test"]:
            print(benchmark(llm(style="cot"), dataset("valid"), 100))
        case [("sft" | "rft") as kind, "train", *where]:
            train(kind, *where)
        case [("sft" | "rft") as kind, "test" | "load" as what, *where]:
            model = restore(kind, *where)
            what == "test" and print(benchmark(model, dataset("valid"), 100))
        case other:
            raise SystemExit(f"sft|rft train|test|load, cot test; not {other}")
