"""Model side: prompts in, numbers out."""
from __future__ import annotations

import argparse
from typing import Sequence

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

checkpoint = "HuggingFaceTB/SmolLM2-360M-Instruct"
OPEN, CLOSE = "<answer>", "</answer>"


class BaseLLM:
    max_new_tokens = 60

    def __init__(self, checkpoint: str = checkpoint) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint, padding_side="left")
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(self.device)

    # -- text -------------------------------------------------------------------------------------
    def format_prompt(self, question: str) -> str:
        return f"{question.strip()}"

    def parse_answer(self, text: str) -> float:
        _, opened, rest = text.partition(OPEN)
        number, closed, _ = rest.partition(CLOSE)
        if not (opened and closed):
            return float("nan")
        try:
            return float(number)
        except ValueError:
            return float("nan")

    # -- generation -------------------------------------------------------------------------------
    def _config(self, count: int, temperature: float) -> GenerationConfig:
        common = dict(
            max_new_tokens=self.max_new_tokens,
            num_return_sequences=count,
            pad_token_id=self.tokenizer.pad_token_id,
            eos_token_id=self.tokenizer.eos_token_id,
        )
        if temperature > 0:
            return GenerationConfig(do_sample=True, temperature=temperature, **common)
        return GenerationConfig(do_sample=False, **common)

    def generate(self, prompt: str) -> str:
        return self.batched_generate([self.format_prompt(prompt)])[0]

    def batched_generate(
        self, prompts: Sequence[str], num_return_sequences: int | None = None, temperature: float = 0
    ):
        config = self._config(num_return_sequences or 1, temperature)
        # long prompts together, so that little is padded; the order is restored below
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
        answers: list = [None] * len(prompts)
        for start in range(0, len(order), 32):
            index = order[start : start + 32]
            batch = self.tokenizer([prompts[i] for i in index], padding=True, return_tensors="pt").to(self.device)
            with torch.inference_mode():
                tokens = self.model.generate(**batch, generation_config=config)
            texts = self.tokenizer.batch_decode(tokens[:, batch.input_ids.size(1) :], skip_special_tokens=True)
            for position, i in enumerate(index):
                if num_return_sequences is None:
                    answers[i] = texts[position]
                else:
                    answers[i] = texts[position * num_return_sequences : (position + 1) * num_return_sequences]
        return answers

    def answer(self, *questions: str) -> list[float]:
        return [self.parse_answer(t) for t in self.batched_generate([self.format_prompt(q) for q in questions])]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["test"])
    parser.parse_args()
    print(BaseLLM().batched_generate(["The cat went up", "The dog went down"]))
