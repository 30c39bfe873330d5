from __future__ import annotations

import re

import torch
from tqdm import tqdm
from transformers import AutoModelForCausalLM, AutoTokenizer

from . import env, wording

FLOAT = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?")


class BaseLLM:
    max_new_tokens = 45

    def __init__(self, checkpoint: str | None = None):
        name = checkpoint or env.CHECKPOINT.get()
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer = AutoTokenizer.from_pretrained(name)
        self.tokenizer.padding_side = "left"
        self.tokenizer.pad_token = self.tokenizer.pad_token or self.tokenizer.eos_token
        self.model = AutoModelForCausalLM.from_pretrained(name, dtype=env.WEIGHTS.get())
        self.model.to(self.device).eval()

    def format_prompt(self, question: str) -> str:
        return wording.bare(question)

    def parse_answer(self, answer: str) -> float:
        text = answer.rsplit(wording.OPENING, 1)[-1].split(wording.CLOSING, 1)[0]
        found = FLOAT.search(text)
        if not found:
            return float("nan")
        return float(found.group(0).replace(",", ""))

    def generate(self, prompt: str) -> str:
        return self.batched_generate([prompt])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        size = env.BATCH.get()
        if len(prompts) > size:
            starts = tqdm(range(0, len(prompts), size), disable=env.QUIET.get())
            parts = (self.batched_generate(prompts[at : at + size], num_return_sequences, temperature) for at in starts)
            return [item for part in parts for item in part]
        inputs = self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)
        options = {"do_sample": False} if temperature == 0 else {"do_sample": True, "temperature": temperature}
        with torch.no_grad():
            result = self.model.generate(
                **inputs,
                **options,
                max_new_tokens=self.max_new_tokens,
                num_return_sequences=num_return_sequences or 1,
                eos_token_id=self.tokenizer.eos_token_id,
                pad_token_id=self.tokenizer.pad_token_id,
            )
        texts = self.tokenizer.batch_decode(result[:, inputs.input_ids.shape[1] :], skip_special_tokens=True)
        if num_return_sequences is None:
            return texts
        return [texts[i : i + num_return_sequences] for i in range(0, len(texts), num_return_sequences)]

    def answer(self, *questions) -> list[float]:
        replies = self.batched_generate([self.format_prompt(q) for q in questions])
        return [self.parse_answer(reply) for reply in replies]


def test_model():
    llm = BaseLLM()
    for prompt in ["The cat went up", "The dog went down"]:
        print(f"{prompt} -> {llm.generate(prompt)}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model})
