from __future__ import annotations

import re

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

CHECKPOINT = "HuggingFaceTB/SmolLM2-360M-Instruct"


def pick_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    if torch.backends.mps.is_available():
        return "mps"
    return "cpu"


class BaseLLM:
    def __init__(self, checkpoint: str = CHECKPOINT):
        self.device = pick_device()
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.tokenizer.pad_token = self.tokenizer.eos_token
        self.tokenizer.padding_side = "left"
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
        self.model.to(self.device)

    def format_prompt(self, question: str) -> str:
        return question

    def parse_answer(self, text: str) -> float:
        hit = re.search(r"([-+]?\d[\d,]*(?:\.\d+)?)\s*</answer>", text)
        return float(hit.group(1).replace(",", "")) if hit else float("nan")

    def generate(self, prompt: str) -> str:
        (text,) = self.batched_generate([self.format_prompt(prompt)])
        return text

    def batched_generate(
        self, prompts: list[str], num_return_sequences: int | None = None, temperature: float = 0
    ) -> list[str] | list[list[str]]:
        micro_batch_size = 40
        if len(prompts) > micro_batch_size:
            first = self.batched_generate(prompts[:micro_batch_size], num_return_sequences, temperature)
            return first + self.batched_generate(prompts[micro_batch_size:], num_return_sequences, temperature)

        n = num_return_sequences or 1
        enc = self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)
        gen_args = {"max_new_tokens": 72, "num_return_sequences": n, "pad_token_id": self.tokenizer.pad_token_id}
        if temperature > 0:
            gen_args |= {"do_sample": True, "temperature": temperature}
        else:
            gen_args |= {"do_sample": False}
        with torch.inference_mode():
            out = self.model.generate(**enc, **gen_args)
        texts = self.tokenizer.batch_decode(out[:, enc.input_ids.shape[1] :], skip_special_tokens=True)
        return texts if num_return_sequences is None else [texts[k : k + n] for k in range(0, len(texts), n)]

    def answer(self, *questions: str) -> list[float]:
        generations = self.batched_generate([self.format_prompt(q) for q in questions])
        return [self.parse_answer(g) for g in generations]


def test_model():
    model = BaseLLM()
    for prompt in ("The cat went up", "The dog went down"):
        print("in:", prompt, "out:", model.generate(prompt))


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model})
