#!/usr/bin/env python
# coding: utf-8
# (exported from explore.ipynb, only for looking around, not part of the homework)

# In[1]:

from homework.base_llm import BaseLLM
from homework.data import Dataset

llm = BaseLLM()
valid = Dataset("valid")

# In[2]:

# what does padding look like on the two sides?
for side in ["right", "left"]:
    llm.tokenizer.padding_side = side
    llm.tokenizer.pad_token = llm.tokenizer.eos_token
    print(side, llm.tokenizer(["a", "a b c"], padding=True)["input_ids"])

# In[3]:

# a table to look questions up while I read the outputs
answers = {}
for i in range(len(valid)):
    answers[valid[i][0]] = valid[i][1]
for q in list(answers)[:5]:
    print(q, answers[q], llm.generate(q))

# In[4]:

# how big is it in half precision? (just the number, I never train this one)
print(sum(p.numel() for p in llm.model.parameters()) * 2 / 1e6, "MB")
