#!/usr/bin/env python
# coding: utf-8

# # Data
# Loading, scoring. Exported from `00_data.ipynb`.

# In[1]:


import json
import math
import os
from collections import namedtuple

HERE = os.path.dirname(os.path.abspath(__file__))
DATA_DIR = os.path.join(os.path.dirname(HERE), "data")


# In[2]:


class Dataset:
    def __init__(self, split):
        self.data = json.load(open(os.path.join(DATA_DIR, split + ".json")))

    def __len__(self):
        return len(self.data)

    def __getitem__(self, i):
        return self.data[i]


# In[3]:


Sample = namedtuple("Sample", "question answer correct_answer is_correct")


def is_answer_valid(answer, correct_answer, relative_tolerance=0.05):
    return abs(round(answer, 3) - round(correct_answer, 3)) < relative_tolerance * abs(round(correct_answer, 3))


class BenchmarkResult:
    def __init__(self, accuracy, answer_rate, samples):
        self.accuracy = accuracy
        self.answer_rate = answer_rate
        self.samples = samples

    @classmethod
    def from_answers(cls, answers, dataset, max_question):
        samples = []
        for i, a in enumerate(answers):
            if i >= max_question:
                break
            q, c = dataset[i][:2]
            samples.append(Sample(q, a, c, is_answer_valid(a, c)))
        ok = [s.is_correct for s in samples]
        there = [not math.isnan(s.answer) for s in samples]
        return cls(sum(ok) / len(ok), sum(there) / len(there), samples)


def benchmark(func, dataset, max_question=100):
    k = min(max_question, len(dataset))
    return BenchmarkResult.from_answers(func.answer(*[dataset[i][0] for i in range(k)]), dataset, k)


# In[4]:


# Dataset("train")[0]
# -> ['How many gram are there per 6 kg?', 6000.0]
