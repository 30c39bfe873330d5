from __future__ import annotations

import asyncio
import re
import threading
from functools import cached_property, lru_cache

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from .settings import ModelSettings

TAGGED = re.compile(r"(?:<answer>)?\s*([-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?)\s*</answer>", re.IGNORECASE)


class BaseLLM:
    def __init__(self, checkpoint: str | None = None, **settings):
        overrides = settings | ({"checkpoint": checkpoint} if checkpoint else {})
        self.settings = ModelSettings(**overrides)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model = self._load_base()
        self._lock = threading.Lock()

    def _load_base(self):
        model = AutoModelForCausalLM.from_pretrained(self.settings.checkpoint, dtype=torch.float32)
        return model.to(self.device).eval()

    @cached_property
    def tokenizer(self):
        tokenizer = AutoTokenizer.from_pretrained(self.settings.checkpoint, padding_side="left")
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        return tokenizer

    def format_prompt(self, question: str) -> str:
        return f"{question.strip()} <answer>"

    @staticmethod
    @lru_cache(maxsize=8192)
    def _number_in(text: str) -> float | None:
        found = TAGGED.search(text)
        return float(found.group(1).replace(",", "")) if found else None

    def parse_answer(self, answer: str) -> float:
        number = self._number_in(answer)
        return float("nan") if number is None else number

    def generate(self, prompt: str) -> str:
        return self.batched_generate([prompt])[0]

    async def agenerate(self, prompts, num_return_sequences=None, temperature=0):
        """For callers with an event loop; the model still does one batch at a time."""
        return await asyncio.to_thread(self.batched_generate, prompts, num_return_sequences, temperature)

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        prompts = list(prompts)
        size = max(1, self.settings.generation_batch // (num_return_sequences or 1))
        results: list = []
        for start in range(0, len(prompts), size):
            with self._lock:
                results.extend(self._one_batch(prompts[start : start + size], num_return_sequences, temperature))
        return results

    @torch.inference_mode()
    def _one_batch(self, prompts, num_return_sequences, temperature):
        tokens = self.tokenizer(prompts, return_tensors="pt", padding=True).to(self.device)
        how = {"do_sample": True, "temperature": float(temperature)} if temperature else {"do_sample": False}
        outputs = self.model.generate(
            **tokens,
            **how,
            num_return_sequences=num_return_sequences or 1,
            max_new_tokens=self.settings.max_new_tokens,
            eos_token_id=self.tokenizer.eos_token_id,
            pad_token_id=self.tokenizer.pad_token_id,
        )
        texts = self.tokenizer.batch_decode(outputs[:, tokens["input_ids"].shape[-1] :], skip_special_tokens=True)
        if num_return_sequences is None:
            return texts
        per = num_return_sequences
        return [texts[i * per : i * per + per] for i in range(len(prompts))]

    def answer(self, *questions) -> list[float]:
        return [self.parse_answer(t) for t in self.batched_generate(map(self.format_prompt, questions))]

    async def aanswer(self, *questions) -> list[float]:
        return [self.parse_answer(t) for t in await self.agenerate([self.format_prompt(q) for q in questions])]


def test_model():
    llm = BaseLLM()
    print(llm.generate("The cat went up"))
    print(asyncio.run(llm.agenerate(["The cat went up", "The dog went down"])))


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model})
