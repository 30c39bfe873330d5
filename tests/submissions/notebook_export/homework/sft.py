#!/usr/bin/env python
# coding: utf-8

# # SFT
# `04_sft.ipynb`

# In[1]:


import os

import torch

from .base_llm import BaseLLM
from .data import HERE, Dataset, benchmark


# In[2]: where things are


def where(name):
    return name if os.sep in name else os.path.join(HERE, name)


def load(name="sft_model"):
    from peft import PeftModel

    path = where(name)
    have = [f for f in ("adapter_model.safetensors", "adapter_model.bin") if os.path.exists(os.path.join(path, f))]
    if not have:
        raise FileNotFoundError("train first, nothing in " + path)
    llm = BaseLLM()
    llm.model = PeftModel.from_pretrained(llm.model, path).to(llm.device).eval()
    return llm


# In[3]: one row -> tokens


def tokenize(tokenizer, question, answer):
    # question comes with " <answer>" at its end, see format_example; add_special_tokens is the same as in generation
    q = tokenizer(question)["input_ids"]
    a = tokenizer(answer, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
    ids = (q + a)[:128]
    lab = ([-100] * len(q) + a)[:128]
    return {"input_ids": ids, "labels": lab, "attention_mask": [1] * len(ids)}


def format_example(prompt, answer):
    # same as BaseLLM.format_prompt !!
    return {"question": prompt.strip() + " <answer>", "answer": "%g</answer>" % float("%.6g" % answer)}


class TokenizedDataset(torch.utils.data.Dataset):
    def __init__(self, tokenizer, data, format_fn):
        self.rows = [tokenize(tokenizer, **format_fn(*data[i])) for i in range(len(data))]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


# In[4]:


def collate_right(batch, pad):
    # right padding: this is the training side, labels of padding are -100, nothing is generated from here
    n = max(len(r["input_ids"]) for r in batch)
    out = {"input_ids": [], "labels": [], "attention_mask": []}
    for r in batch:
        k = n - len(r["input_ids"])
        out["input_ids"].append(r["input_ids"] + [pad] * k)
        out["labels"].append(r["labels"] + [-100] * k)
        out["attention_mask"].append(r["attention_mask"] + [0] * k)
    return {k: torch.tensor(v) for k, v in out.items()}


# In[5]: train


def train_model(output_dir="sft_model", data=None, format_fn=format_example, r=8, lr=7e-4, epochs=5, **kw):
    from peft import LoraConfig, get_peft_model
    from transformers import Trainer, TrainingArguments

    llm = BaseLLM()
    llm.model = get_peft_model(
        llm.model,
        LoraConfig(r=r, lora_alpha=4 * r, target_modules="all-linear", task_type="CAUSAL_LM", bias="none"),
    )
    # llm.model = get_peft_model(llm.model, LoraConfig(r=r, inference_mode=True, ...))   # grad_norm 0, 2 hours lost
    args = TrainingArguments(
        output_dir=where(output_dir),
        per_device_train_batch_size=32,
        num_train_epochs=epochs,
        learning_rate=lr,
        lr_scheduler_type="cosine",
        logging_steps=5,
        save_strategy="epoch",
        save_total_limit=1,
        remove_unused_columns=False,
        report_to=[],
        **kw,
    )
    tr = Trainer(
        model=llm.model,
        args=args,
        train_dataset=TokenizedDataset(llm.tokenizer, data or Dataset("train"), format_fn),
        data_collator=lambda b: collate_right(b, llm.tokenizer.pad_token_id),
    )
    tr.train()
    plot([h for h in tr.state.log_history if "loss" in h])
    llm.model.save_pretrained(where(output_dir))


# In[6]: picture (text version, the notebook had matplotlib)


def plot(history):
    losses = torch.tensor([h["loss"] for h in history])
    bars = torch.nan_to_num(losses, nan=0.0)  # only for the bars, the number beside it is the real one
    for b, l in zip((40 * bars / bars.max().clamp(min=1e-9)).int().tolist(), losses.tolist()):
        print("#" * b, l)


# In[7]: test


def test_model(ckpt_path="sft_model"):
    r = benchmark(load(ckpt_path), Dataset("valid"), 100)
    print("accuracy", r.accuracy, "answer rate", r.answer_rate)


# In[8]:


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
