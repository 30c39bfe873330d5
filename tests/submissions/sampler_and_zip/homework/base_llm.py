from __future__ import annotations

import gc

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

MAX_ROWS = 64  # rows in one call of model.generate
MAX_SAMPLES = 8  # samples of one prompt in one call


class BaseLLM:
    def __init__(self, checkpoint: str = "HuggingFaceTB/SmolLM2-360M-Instruct"):
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.tokenizer.padding_side = "left"
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(self.device)

    def format_prompt(self, question: str) -> str:
        return question

    def parse_answer(self, text: str) -> float:
        try:
            return float(text.split("<answer>")[1].split("</answer>")[0])
        except (IndexError, ValueError):
            return float("nan")

    def generate(self, prompt: str) -> str:
        return self.batched_generate([prompt])[0]

    def batched_generate(self, prompts: list[str], num_return_sequences: int | None = None, temperature: float = 0):
        """Split along the prompts first, then along the samples; see MAX_ROWS and MAX_SAMPLES."""
        if len(prompts) > MAX_ROWS:
            first = self.batched_generate(prompts[:MAX_ROWS], num_return_sequences, temperature)
            return first + self.batched_generate(prompts[MAX_ROWS:], num_return_sequences, temperature)

        if num_return_sequences is not None and num_return_sequences >= MAX_SAMPLES:
            samples = [[] for _ in prompts]
            for start in range(0, num_return_sequences, MAX_SAMPLES):
                count = min(MAX_SAMPLES, num_return_sequences - start)
                for row, more in zip(samples, self.batched_generate(prompts, count, temperature)):
                    row.extend(more)
                gc.collect()
            return samples

        inputs = self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)
        options = {"max_new_tokens": 60, "do_sample": temperature > 0, "num_return_sequences": num_return_sequences or 1}
        if temperature > 0:
            options["temperature"] = temperature
        with torch.inference_mode():
            out = self.model.generate(**inputs, **options)
        texts = self.tokenizer.batch_decode(out[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        if num_return_sequences is None:
            return texts
        n = num_return_sequences
        return [texts[i : i + n] for i in range(0, len(texts), n)]

    def answer(self, *questions: str) -> list[float]:
        return [self.parse_answer(t) for t in self.batched_generate([self.format_prompt(q) for q in questions])]
