from __future__ import annotations

import os
import re

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

checkpoint = os.environ.get("HW3_CHECKPOINT", "HuggingFaceTB/SmolLM2-360M-Instruct")
device = "cuda" if torch.cuda.is_available() else "cpu"

NUMBER = re.compile(r"[-+]?\d[\d,]*\.?\d*(?:[eE][-+]?\d+)?")


class BaseLLM:
    # every prompt that the SFT model sees, in training and later, comes from this one method
    use_answer_tag = True

    def __init__(self, checkpoint=checkpoint):
        self.device = device
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.tokenizer.padding_side = "left"
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
        self.model.to(device)

    def format_prompt(self, question: str) -> str:
        return f"{question.strip()} <answer>" if self.use_answer_tag else question.strip()

    def parse_answer(self, answer: str) -> float:
        # "1. 2 km = 2000 <answer>2000</answer>" -> 2000; "2000</answer>" -> 2000; "2000" (cut off) -> nan
        text = answer.rpartition("<answer>")[2]
        if "</answer>" not in text:
            return float("nan")
        found = NUMBER.search(text.split("</answer>")[0])
        return float(found.group().replace(",", "")) if found else float("nan")

    def generate(self, prompt: str) -> str:
        return self.batched_generate([self.format_prompt(prompt)])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        micro_batch_size = 64 if self.device == "cuda" else 16
        results = []
        for start in range(0, len(prompts), micro_batch_size):
            chunk = prompts[start : start + micro_batch_size]
            results += self._generate_chunk(chunk, num_return_sequences, temperature)
        return results

    @torch.no_grad()
    def _generate_chunk(self, prompts, num_return_sequences, temperature):
        enc = self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)
        k = 1 if num_return_sequences is None else num_return_sequences
        kwargs = dict(max_new_tokens=60, num_return_sequences=k, pad_token_id=self.tokenizer.pad_token_id)
        if temperature > 0:
            kwargs.update(do_sample=True, temperature=temperature)
        else:
            kwargs.update(do_sample=False)
        out = self.model.generate(**enc, **kwargs)
        new = out[:, enc["input_ids"].size(1) :]
        texts = self.tokenizer.batch_decode(new, skip_special_tokens=True)
        if num_return_sequences is None:
            return texts
        return [texts[i : i + k] for i in range(0, len(texts), k)]

    def answer(self, *questions) -> list[float]:
        prompts = [self.format_prompt(q) for q in questions]
        return [self.parse_answer(g) for g in self.batched_generate(prompts)]

    # def answer(self, *questions):
    #     """Week 1 version, to have the grader run at all. NOT the real thing."""
    #     table = dict(json.load(open("data/valid.json")))
    #     return [table.get(q, 0.0) for q in questions]


def test_model():
    llm = BaseLLM()
    llm.use_answer_tag = False
    for t in ["The cat went up", "The dog went down"]:
        print(repr(t), "->", repr(llm.generate(t)))


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model})
