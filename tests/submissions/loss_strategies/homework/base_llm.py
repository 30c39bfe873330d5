from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import torch
from transformers import AutoModelForCausalLM

from .tokenization import TokenizerFactory

CHECKPOINT = "HuggingFaceTB/SmolLM2-360M-Instruct"


def chunks(items: Sequence, size: int) -> Iterator[Sequence]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


class BaseLLM:
    make_tokenizer = TokenizerFactory()
    max_new_tokens = 45
    chunk_size = 32
    number = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?", re.IGNORECASE)

    def __init__(self, checkpoint: str = CHECKPOINT):
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.tokenizer = self.make_tokenizer(checkpoint)
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(self.device).eval()

    def format_prompt(self, question: str) -> str:
        return f"{question.strip()} <answer>"

    def parse_answer(self, answer: str) -> float:
        value = answer.split("<answer>")[-1].partition("</answer>")[0]
        match = self.number.search(value)
        return float(match[0].replace(",", "")) if match else float("nan")

    def generate(self, prompt: str) -> str:
        return self.batched_generate([prompt])[0]

    @torch.inference_mode()
    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        count = num_return_sequences or 1
        groups: list[list[str]] = []
        for part in chunks(list(prompts), self.chunk_size):
            encoded = self.tokenizer(part, padding=True, return_tensors="pt").to(self.device)
            generated = self.model.generate(
                input_ids=encoded["input_ids"],
                attention_mask=encoded["attention_mask"],
                max_new_tokens=self.max_new_tokens,
                num_return_sequences=count,
                pad_token_id=self.tokenizer.pad_token_id,
                eos_token_id=self.tokenizer.eos_token_id,
                **({"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}),
            )
            fresh = generated[:, encoded["input_ids"].shape[1] :]
            texts = self.tokenizer.batch_decode(fresh, skip_special_tokens=True)
            groups.extend(list(group) for group in chunks(texts, count))
        return groups if num_return_sequences is not None else [group[0] for group in groups]

    def answer(self, *questions) -> list[float]:
        prompts = [self.format_prompt(question) for question in questions]
        return [self.parse_answer(text) for text in self.batched_generate(prompts)]


def test_model():
    llm = BaseLLM()
    for prompt in ("The cat went up", "The dog went down"):
        print(prompt, "|", llm.generate(prompt))


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model})
