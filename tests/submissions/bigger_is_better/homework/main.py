"""Everything but the hub. Usage: python -m homework.main {sft,rft} {train,test} | cot test"""
import json
import sys
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import Trainer, TrainingArguments

from homework.loading import CHECKPOINTS, load_backbone

ROOT = Path(__file__).parent
BUDGET = 380_000_000


class Dataset:
    def __init__(self, split):
        self.rows = json.loads((ROOT.parent / "data" / f"{split}.json").read_text())

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


class BaseLLM:
    size = "course"

    def __init__(self, checkpoint=None):
        # full precision everywhere, bf16 cost us two points
        self.model, self.tokenizer = load_backbone(checkpoint or self.size, torch_dtype=torch.float32)
        self.device = self.model.device

    def format_prompt(self, question):
        return question

    def parse_answer(self, text):
        _, found, rest = text.partition("<answer>")
        number, closed, _ = rest.partition("</answer>")
        if not (found and closed):
            return float("nan")
        try:
            return float(number)
        except ValueError:
            return float("nan")

    def generate(self, prompt):
        return self.batched_generate([prompt])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        many = num_return_sequences or 1
        texts = []
        for i in range(0, len(prompts), 24):
            enc = self.tokenizer(prompts[i:i + 24], padding=True, return_tensors="pt").to(self.device)
            how = dict(do_sample=True, temperature=temperature) if temperature > 0 else dict(do_sample=False)
            out = self.model.generate(**enc, **how, max_new_tokens=64, num_return_sequences=many)
            texts += self.tokenizer.batch_decode(out[:, enc["input_ids"].shape[1]:], skip_special_tokens=True)
        if num_return_sequences is None:
            return texts
        return [texts[i:i + many] for i in range(0, len(texts), many)]

    def answer(self, *questions):
        return [self.parse_answer(t) for t in self.batched_generate([self.format_prompt(q) for q in questions])]


class Sft(BaseLLM):
    kind, split, rank = "sft", "train", 8

    def format_prompt(self, question):
        return f"{question.strip()} <answer>"

    def parse_answer(self, text):
        return super().parse_answer("<answer>" + text)

    @staticmethod
    def completion(row):
        return f"{row[1]:.6g}</answer>"


class Rft(BaseLLM):
    kind, split, rank = "rft", "rft", 64

    def format_prompt(self, question):
        return f"{question.strip()} Reason:"

    @staticmethod
    def completion(row):
        return " " + row[2].strip()


class Cot(BaseLLM):
    size = "large"  # 0 shots are enough for this one

    def format_prompt(self, question):
        chat = [
            {"role": "system", "content": "Convert units. Reason in one line, then give <answer>number</answer>."},
            {"role": "user", "content": question},
        ]
        return self.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)


class FastCot(Cot):
    """For a quick look while writing prompts; never submitted."""

    size = "tiny"


def rows_of(llm):
    for row in Dataset(llm.split):
        q = llm.tokenizer(llm.format_prompt(row[0]))["input_ids"]
        a = llm.tokenizer(llm.completion(row) + llm.tokenizer.eos_token)["input_ids"]
        yield {"input_ids": q + a, "labels": [-100] * len(q) + a}


def collate(tokenizer):
    def together(rows):
        width = max(len(r["input_ids"]) for r in rows)
        return {
            "input_ids": torch.tensor([[tokenizer.pad_token_id] * (width - len(r["input_ids"])) + r["input_ids"] for r in rows]),
            "attention_mask": torch.tensor([[0] * (width - len(r["input_ids"])) + [1] * len(r["input_ids"]) for r in rows]),
            "labels": torch.tensor([[-100] * (width - len(r["labels"])) + r["labels"] for r in rows]),
        }

    return together


def train(cls):
    llm = cls()
    lora = LoraConfig(r=cls.rank, lora_alpha=2 * cls.rank, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(llm.model, lora)
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert trainable < BUDGET, f"{trainable} > {BUDGET}"
    args = TrainingArguments(
        output_dir=str(ROOT / f"{cls.kind}_model"), learning_rate=4e-4, num_train_epochs=5, per_device_train_batch_size=32, save_strategy="no"
    )
    Trainer(model=model, args=args, train_dataset=list(rows_of(llm)), data_collator=collate(llm.tokenizer)).train()
    model.save_pretrained(str(ROOT / f"{cls.kind}_model"))


def load(cls):
    llm = cls()
    if hasattr(cls, "kind"):
        llm.model = PeftModel.from_pretrained(llm.model, str(ROOT / f"{cls.kind}_model"))
    llm.model.eval()
    return llm


def test(cls, n=100):
    llm = load(cls)
    rows = Dataset("valid").rows[:n]
    answers = llm.answer(*[q for q, _ in rows])
    right = [abs(round(a, 3) - round(c, 3)) < 0.05 * abs(round(c, 3)) for a, (_, c) in zip(answers, rows)]
    print(f"{cls.__name__} ({CHECKPOINTS[cls.size]}): {sum(right) / n:.2f}, answered {sum(a == a for a in answers) / n:.2f}")


def load_sft():
    return load(Sft)


def load_rft():
    return load(Rft)


def load_cot():
    return load(Cot)


if __name__ == "__main__":
    which = {"sft": Sft, "rft": Rft, "cot": Cot, "fastcot": FastCot}[sys.argv[1]]
    {"train": train, "test": test}[sys.argv[2]](which)
