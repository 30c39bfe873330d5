#!/usr/bin/env python
# coding: utf-8

# # RFT
# `05_rft.ipynb`. The reasoning contains the opening tag itself, so here the prompt is the bare question.

# In[1]:


from .base_llm import BaseLLM
from .data import Dataset, benchmark
from .sft import load as load_adapter
from .sft import tokenize, where
from .sft import train_model as train_adapter


# In[2]:


def bare_prompt(question):
    return question.strip()


def load(name="rft_model"):
    llm = load_adapter(name)
    llm.format_prompt = bare_prompt
    return llm


def format_example(question, answer, reasoning):
    return {"question": bare_prompt(question), "answer": " " + reasoning}


# In[3]:


def train_model(output_dir="rft_model", **kw):
    kw = {"r": 16, "lr": 5e-4, "epochs": 5} | kw
    train_adapter(output_dir, data=Dataset("rft"), format_fn=format_example, **kw)


def test_model(ckpt_path="rft_model"):
    r = benchmark(load(ckpt_path), Dataset("valid"), 100)
    print("accuracy", r.accuracy, "answer rate", r.answer_rate)
    for s in r.samples[:10]:
        print(s)


# In[4]:


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
