from __future__ import annotations

import re

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from .options import GenerationOptions, command_line

CHECKPOINT = "HuggingFaceTB/SmolLM2-360M-Instruct"
VALUE = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?")


class BaseLLM:
    generation = GenerationOptions()

    def __init__(self, checkpoint: str = CHECKPOINT):
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint, padding_side="left")
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(self.device)
        self.model.eval()

    def format_prompt(self, question: str) -> str:
        return f"{question.strip()} <answer>"

    def parse_answer(self, answer: str) -> float:
        inside = answer.split("<answer>")[-1].split("</answer>")[0]
        found = VALUE.search(inside)
        return float(found.group().replace(",", "")) if found else float("nan")

    def generate(self, prompt: str) -> str:
        return self._complete([prompt], 1, 0)[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        samples = num_return_sequences or 1
        at_once = max(1, self.generation.max_sequences // samples)
        if len(prompts) * samples >= self.generation.max_sequences:
            collected = []
            for start in range(0, len(prompts), at_once):
                part = prompts[start : start + at_once]
                collected += self.batched_generate(part, num_return_sequences, temperature)
            return collected
        texts = self._complete(prompts, samples, temperature)
        if num_return_sequences is None:
            return texts
        return [texts[start : start + samples] for start in range(0, len(texts), samples)]

    @torch.no_grad()
    def _complete(self, prompts, samples, temperature):
        batch = self.tokenizer(list(prompts), padding=True, return_tensors="pt").to(self.device)
        sampling = {"do_sample": temperature > 0}
        if temperature > 0:
            sampling["temperature"] = temperature
        out = self.model.generate(
            **batch,
            **sampling,
            num_return_sequences=samples,
            max_new_tokens=self.generation.max_new_tokens,
            pad_token_id=self.tokenizer.pad_token_id,
            eos_token_id=self.tokenizer.eos_token_id,
        )
        return self.tokenizer.batch_decode(out[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)

    def answer(self, *questions) -> list[float]:
        prompts = [self.format_prompt(q) for q in questions]
        return [self.parse_answer(text) for text in self.batched_generate(prompts)]


def test_model():
    llm = BaseLLM()
    for prompt in ("The cat went up", "The dog went down"):
        print(prompt, llm.generate(prompt))


if __name__ == "__main__":
    command_line(test=test_model)
