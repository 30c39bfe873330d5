#!/usr/bin/env python
# coding: utf-8

# # Sampling reasoning for RFT
# `03_datagen.ipynb`: teacher = 1.7B, a row is kept when the answer is right *and* the factor it used is one I know.

# In[1]:


import json
import os
import re

from .cot import CoTModel
from .data import Dataset, is_answer_valid

TEACHER = "HuggingFaceTB/SmolLM2-1.7B-Instruct"


# In[2]:


# Right by luck happens: "1 mi = 1600 m, 2 * 1600 = 3218". These are to reject such rows.
FACTORS = {
    ("km", "m"): 1000.0, ("m", "cm"): 100.0, ("mi", "km"): 1.609344, ("yd", "ft"): 3.0, ("ft", "in"): 12.0,
    ("kg", "g"): 1000.0, ("kg", "gram"): 1000.0, ("pound", "g"): 453.592, ("ton", "kg"): 1000.0,
    ("h", "min"): 60.0, ("hour", "minutes"): 60.0, ("day", "hours"): 24.0, ("week", "days"): 7.0,
    ("byte", "bit"): 8.0, ("KB", "byte"): 1000.0, ("G", "MB"): 1000.0, ("gallon", "quart"): 4.0, ("L", "mL"): 1000.0,
}
LINE = re.compile(r"1 (\S+) = ([\d.]+) (\S+?)[.,]?(?:\s|$)")


def factor_ok(reasoning):
    m = LINE.search(reasoning)
    if m is None:
        return False
    known = FACTORS.get((m[1], m[3]))
    # pairs which are not in the table cannot be checked, keep them
    return known is None or abs(float(m[2].rstrip(".")) - known) < 0.01 * known


def calculator(expression):
    """'6 * 1000' -> 6000.0"""
    a, op, b = re.fullmatch(r"\s*([\d.]+)\s*([*/])\s*([\d.]+)\s*", expression).groups()
    return float(a) * float(b) if op == "*" else float(a) / float(b)


def arithmetic_ok(reasoning):
    m = re.search(r"([\d.]+ [*/] [\d.]+) = <answer>([\d.]+)</answer>", reasoning)
    return m is not None and is_answer_valid(calculator(m[1]), float(m[2].rstrip(".")))


# In[3]:


def generate_dataset(output_json, oversample=10, temperature=0.6):
    llm = CoTModel(TEACHER)
    train = Dataset("train")
    kept, lost = [], []
    for i in range(0, len(train), 8):
        rows = [train[j] for j in range(i, min(i + 8, len(train)))]
        tries = llm.batched_generate([llm.format_prompt(q) for q, _ in rows], oversample, temperature)
        for (q, a), texts in zip(rows, tries):
            good = [
                t.strip() for t in texts
                if t.count("<answer>") == 1 and t.strip().endswith("</answer>")
                and is_answer_valid(llm.parse_answer(t), a) and factor_ok(t) and arithmetic_ok(t)
            ]
            if good:
                kept.append([q, a, min(good, key=len)])
            else:
                lost.append(q)
        print(i, len(kept), len(lost))
    assert kept, "no rows"
    os.makedirs(os.path.dirname(os.path.abspath(output_json)), exist_ok=True)
    with open(output_json, "w") as f:
        json.dump(kept, f)


# In[4]:


if __name__ == "__main__":
    from fire import Fire

    Fire(generate_dataset)
