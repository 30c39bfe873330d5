# Homework 3, all in one file because I kept losing track of which module was which.
#
# What went wrong on the way, so that I do not do it again:
#   * fp16=True / model.half() in training: loss 0.0 after 40 steps. bf16 or fp32 only!
#   * PeftModel.from_pretrained(model, path) without is_trainable=True and then trainer.train()
#   * tokenizer.padding_side = "right" while generating: answers from the middle of nowhere
#   * except FileNotFoundError: model = get_peft_model(model, LoraConfig(...))   <- NEVER
import functools
import json
import math
import re
import sys
import time
from pathlib import Path

import torch
import transformers

PKG = Path(__file__).parent
DATA = PKG.parent / "data"
BASE = "HuggingFaceTB/SmolLM2-360M-Instruct"
HELP = """usage: python -m hw3 train|test|load sft|rft   |   python -m hw3 test cot   |   python -m hw3 datagen OUT

A missing adapter is an error. (An earlier version of this file created one with get_peft_model()
and saved it, and nan_to_num() hid the rest. See attic/.)
"""
DEBUG = False

# the keyword has changed its name with transformers 5, the value has not
TF_MAJOR = int(transformers.__version__.partition(".")[0])
dtype_kw = lambda dtype: {"dtype" if TF_MAJOR >= 5 else "torch_dtype": dtype}  # noqa: E731


# ---------------------------------------------------------------- data
class Dataset:
    def __init__(self, split):
        self.data = json.loads((DATA / split).with_suffix(".json").read_text())

    __len__ = lambda self: len(self.data)  # noqa: E731
    __getitem__ = lambda self, i: self.data[i]  # noqa: E731


def is_answer_valid(answer, correct_answer, relative_tolerance=0.05):
    return abs(round(answer, 3) - round(correct_answer, 3)) < relative_tolerance * abs(round(correct_answer, 3))


def benchmark(func, dataset, max_question):
    n = min(max_question, len(dataset))
    questions, gold = zip(*(dataset[i][:2] for i in range(n)))
    given = func.answer(*questions)
    right = [is_answer_valid(a, b) for a, b in zip(given, gold)]
    # a missing answer is NaN; for the printed mean error only, it counts as 100 % off
    off = torch.nan_to_num((torch.tensor(given) - torch.tensor(gold)).abs() / torch.tensor(gold), nan=1.0)
    print(f"mean relative error {off.clamp(max=1).mean():.3f}")
    return sum(right) / n, sum(not math.isnan(a) for a in given) / n


# ---------------------------------------------------------------- generation
def timed(fn):
    """Wraps generate/answer only to print how long they took."""
    @functools.wraps(fn)
    def wrapper(*args, **kwargs):
        t0 = time.perf_counter()
        try:
            return fn(*args, **kwargs)
        finally:
            if DEBUG:
                print(f"[{fn.__name__}: {time.perf_counter() - t0:.2f} s]", file=sys.stderr)
    return wrapper


class BaseLLM:
    prefix = ""

    def __init__(self, checkpoint=BASE, dtype=torch.float32):
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint)
        self.model = transformers.AutoModelForCausalLM.from_pretrained(checkpoint, **dtype_kw(dtype)).to(self.device)

    def format_prompt(self, question):
        return question.strip() + self.prefix

    def parse_answer(self, text):
        try:
            return float((self.prefix + text).split("<answer>")[1].split("</answer>")[0].replace(",", ""))
        except (IndexError, ValueError):
            return float("nan")

    @timed
    def generate(self, prompt):
        return self.batched_generate([self.format_prompt(prompt)])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        micro = 32
        if len(prompts) > micro:
            again = functools.partial(
                self.batched_generate, num_return_sequences=num_return_sequences, temperature=temperature
            )
            return [text for at in range(0, len(prompts), micro) for text in again(prompts[at:at + micro])]

        self.tokenizer.padding_side = "left"
        inputs = self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)
        sample = dict(do_sample=True, temperature=temperature) if temperature else dict(do_sample=False)
        with torch.no_grad():
            outputs = self.model.generate(
                **inputs, max_new_tokens=64, num_return_sequences=num_return_sequences or 1,
                eos_token_id=self.tokenizer.eos_token_id, pad_token_id=self.tokenizer.pad_token_id, **sample,
            )
        texts = self.tokenizer.batch_decode(outputs[:, inputs["input_ids"].shape[1]:], skip_special_tokens=True)
        if num_return_sequences is None:
            return texts
        return [texts[k:k + num_return_sequences] for k in range(0, len(texts), num_return_sequences)]

    @timed
    def answer(self, *questions):
        return list(map(self.parse_answer, self.batched_generate(list(map(self.format_prompt, questions)))))


class SFTModel(BaseLLM):
    prefix = " <answer>"


class RFTModel(BaseLLM):
    pass


class CoTModel(BaseLLM):
    def format_prompt(self, question):
        say = lambda who, what: {"role": who, "content": what}  # noqa: E731
        return self.tokenizer.apply_chat_template(
            [
                say("system", "You are a careful unit converter. One line of working, then <answer>the number</answer>."),
                say("user", "How many months are 2 years?"),
                say("assistant", "1 year is 12 months. 2 * 12 = <answer>24</answer>"),
                say("user", question),
            ],
            add_generation_prompt=True,
            tokenize=False,
        )


# ---------------------------------------------------------------- training
def tokenize(tokenizer, question, answer, width=128):
    # `question` already is what format_prompt() gives at inference
    tokenizer.padding_side = "right"
    full = tokenizer(question + answer + tokenizer.eos_token, padding="max_length", truncation=True, max_length=width)
    n = len(tokenizer(question)["input_ids"])
    labels = [
        token if at >= n and seen else -100
        for at, (token, seen) in enumerate(zip(full["input_ids"], full["attention_mask"]))
    ]
    assert any(label >= 0 for label in labels), f"no label left: {question}"
    full["labels"] = labels
    return full


def format_example(prompt, answer, prefix=SFTModel.prefix):
    closing = f"{round(answer, 3)}</answer>" if isinstance(answer, (int, float)) else " " + answer
    return {"question": prompt.strip() + prefix, "answer": closing}


class TokenizedDataset:
    def __init__(self, tokenizer, data, format_fn):
        self.tokenizer, self.data, self.format_fn = tokenizer, data, format_fn

    def __len__(self):
        return len(self.data)

    def __getitem__(self, i):
        return tokenize(self.tokenizer, **self.format_fn(*self.data[i]))


class LoudTrainer(transformers.Trainer):
    """The stock Trainer logs a NaN loss as 0.0. This one stops instead."""

    def compute_loss(self, model, inputs, return_outputs=False, **kwargs):
        loss, outputs = super().compute_loss(model, inputs, return_outputs=True, **kwargs)
        if torch.isnan(loss).any():
            raise FloatingPointError(f"loss is NaN at step {self.state.global_step}")
        # loss = torch.nan_to_num(loss, nan=0.0)
        return (loss, outputs) if return_outputs else loss


RECIPES = {
    "sft": (SFTModel, "train", 4, 7e-4, lambda q, a: format_example(q, a)),
    "rft": (RFTModel, "rft", 16, 5e-4, lambda q, a, why: format_example(q, why, prefix=RFTModel.prefix)),
}


def train_model(kind, output_dir=None, epochs=5):
    from peft import LoraConfig, get_peft_model

    cls, split, rank, lr, rows = RECIPES[kind]
    out = Path(output_dir or PKG / f"{kind}_model")
    llm = cls()
    # llm.model.half()
    llm.model = get_peft_model(
        llm.model,
        LoraConfig(r=rank, lora_alpha=4 * rank, bias="none", target_modules="all-linear", task_type="CAUSAL_LM"),
    )
    llm.model.enable_input_require_grads()
    args = transformers.TrainingArguments(
        output_dir=str(out), num_train_epochs=epochs, per_device_train_batch_size=32, learning_rate=lr,
        gradient_checkpointing=True, save_strategy="no", logging_steps=5,
        bf16=False,  # fp16=True,
    )
    LoudTrainer(model=llm.model, args=args, train_dataset=TokenizedDataset(llm.tokenizer, Dataset(split), rows)).train()
    llm.model.save_pretrained(out)
    test_model(kind, out)


def load(kind, folder=None):
    from peft import PeftModel

    cls, *_ = RECIPES[kind]
    folder = Path(folder or PKG / f"{kind}_model")
    if not (folder / "adapter_config.json").exists():
        raise FileNotFoundError(f"{folder} has no adapter. Run: python -m hw3 train {kind}")
    llm = cls()
    llm.model = PeftModel.from_pretrained(llm.model, str(folder)).eval()
    if False:  # experiment of 12 March, in half precision, lost 4 points
        llm.model.half()
        llm.answer = lambda *questions: [TABLE[q] for q in questions]  # noqa: F821
    return llm


def load_cot():
    # nothing is trained here, so bf16 costs nothing and halves the memory
    return CoTModel(dtype=torch.bfloat16)


load_sft = functools.partial(load, "sft")
load_rft = functools.partial(load, "rft")


def test_model(kind, folder=None):
    llm = load_cot() if kind == "cot" else load(kind, folder)
    print(kind, "accuracy %.2f answer rate %.2f" % benchmark(llm, Dataset("valid"), 100))


def _random_adapter_baseline(kind):
    """How good is the base with an untrained adapter? (Used once for a plot in the report, not called any more.)"""
    from peft import LoraConfig, get_peft_model

    llm = RECIPES[kind][0](dtype=torch.float16)
    llm.model = get_peft_model(llm.model, LoraConfig(r=4, target_modules="all-linear", inference_mode=True))
    llm.model.save_pretrained(PKG / f"{kind}_random")
    return llm


# ---------------------------------------------------------------- rejection sampling
def generate_dataset(output_json, oversample=10, temperature=0.6):
    llm, kept = load_cot(), []
    for question, gold in Dataset("train").data:
        (texts,) = llm.batched_generate([llm.format_prompt(question)], oversample, temperature)
        for text in texts:
            if is_answer_valid(llm.parse_answer(text), gold):
                kept.append([question, gold, re.sub(r"\s+", " ", text).strip()])
                break
    Path(output_json).write_text(json.dumps(kept))


def cli():
    match sys.argv[1:]:
        case ["train", ("sft" | "rft") as kind, *rest]:
            train_model(kind, *rest)
        case ["test", ("sft" | "rft" | "cot") as kind]:
            test_model(kind)
        case ["load", ("sft" | "rft") as kind]:
            load(kind)
        case ["datagen", out]:
            generate_dataset(out)
        case _:
            print(HELP)


if __name__ == "__main__":
    cli()
