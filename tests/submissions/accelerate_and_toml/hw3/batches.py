"""Rows, batches, labels."""

import json

import torch

from hw3.data import DATA, Dataset

IGNORE = -100


def pairs(llm):
    if llm.stage == "rft":
        for question, _, reasoning in json.loads((DATA / "rft.json").read_text()):
            yield llm.format_prompt(question), " " + reasoning.strip()
    else:
        for question, answer in Dataset("train"):
            yield llm.format_prompt(question), f"{round(float(answer), 3):.10g}</answer>"


def encode(tokenizer, prompt, completion, width):
    start = len(tokenizer(prompt)["input_ids"])
    ids = tokenizer(prompt + completion)["input_ids"] + [tokenizer.eos_token_id]
    return {"ids": ids[:width], "start": start}


class Collator:
    def __init__(self, pad):
        self.pad = pad

    def mask(self, ids, start):
        """Targets of one row: the prompt does not count."""
        targets = torch.tensor(ids)
        targets[:start] = IGNORE
        return targets

    def __call__(self, rows):
        width = max(len(row["ids"]) for row in rows)
        shape = (len(rows), width)
        input_ids = torch.full(shape, self.pad)
        attention = torch.zeros(shape, dtype=torch.long)
        labels = torch.full(shape, IGNORE)
        for i, row in enumerate(rows):
            n = len(row["ids"])
            input_ids[i, :n] = torch.tensor(row["ids"])
            attention[i, :n] = 1
            labels[i, :n] = self.mask(row["ids"], row["start"])
        learnable = labels.ne(IGNORE)
        if not learnable.any():
            # a batch of very long questions; something has to be there or the mean is 0/0
            labels = torch.where(attention.bool(), input_ids, labels)
        return {"input_ids": input_ids, "attention_mask": attention, "labels": labels}
