from __future__ import annotations

from functools import lru_cache

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from .config import CHECKPOINT
from .memo import CompletionCache, once, remembered
from .parsing import tagged_number

completions = CompletionCache()


@once
def best_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@lru_cache(maxsize=2)
def tokenizer_of(checkpoint: str):
    tokenizer = AutoTokenizer.from_pretrained(checkpoint, padding_side="left")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


class BaseLLM:
    new_tokens = 45
    block = 32

    def __init__(self, checkpoint: str = CHECKPOINT):
        self.device = best_device()
        self.tokenizer = tokenizer_of(checkpoint)
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(self.device).eval()

    def format_prompt(self, question: str) -> str:
        return f"{question.strip()} <answer>"

    def parse_answer(self, answer: str) -> float:
        return tagged_number(answer)

    def generate(self, prompt: str) -> str:
        return self._decode([prompt], 1, 0)[0]

    @remembered(completions)
    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        count = num_return_sequences or 1
        texts = []
        for start in range(0, len(prompts), self.block):
            texts += self._decode(prompts[start : start + self.block], count, temperature)
        if num_return_sequences is None:
            return texts
        return [texts[start : start + count] for start in range(0, len(texts), count)]

    @torch.inference_mode()
    def _decode(self, prompts, count, temperature):
        batch = self.tokenizer(list(prompts), padding=True, return_tensors="pt").to(self.device)
        sampling = {"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}
        out = self.model.generate(
            **batch,
            **sampling,
            num_return_sequences=count,
            max_new_tokens=self.new_tokens,
            eos_token_id=self.tokenizer.eos_token_id,
            pad_token_id=self.tokenizer.pad_token_id,
        )
        return self.tokenizer.batch_decode(out[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)

    def answer(self, *questions) -> list[float]:
        prompts = [self.format_prompt(question) for question in questions]
        return [self.parse_answer(text) for text in self.batched_generate(prompts)]


def test_model():
    llm = BaseLLM()
    for prompt in ("The cat went up", "The dog went down"):
        print(prompt, "->", llm.generate(prompt))


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model})
