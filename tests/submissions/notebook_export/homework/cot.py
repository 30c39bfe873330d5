#!/usr/bin/env python
# coding: utf-8

# # Chain of thought
# `02_cot.ipynb`

# In[1]:


from .base_llm import BaseLLM
from .data import Dataset, benchmark

SHOTS = [
    ("How many m are there in 4 km?", "1 km = 1000 m. 4 * 1000 = <answer>4000</answer>"),
    ("Please convert 2 gallon to quart.", "1 gallon = 4 quart. 2 * 4 = <answer>8</answer>"),
    ("What is the equivalent of 16 bit in byte?", "1 bit = 0.125 byte. 16 * 0.125 = <answer>2</answer>"),
]


# In[2]:


class CoTModel(BaseLLM):
    def format_prompt(self, question):
        chat = [{"role": "system", "content": "Convert units. One short calculation, the result inside <answer></answer>."}]
        for q, a in SHOTS:
            chat += [{"role": "user", "content": q}, {"role": "assistant", "content": a}]
        chat.append({"role": "user", "content": question})
        return self.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)


def load():
    return CoTModel()


# In[3]:


def test_model():
    r = benchmark(CoTModel(), Dataset("valid"), 100)
    print("accuracy", r.accuracy, "answer rate", r.answer_rate)


# In[4]:


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model, "load": load})
