import math
import os
import re

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

CHECKPOINT = os.environ.get("HOMEWORK_BASE", "HuggingFaceTB/SmolLM2-360M-Instruct")
device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"

NUMBER = re.compile(r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?")


class BaseLLM:
    max_new_tokens = 64

    def __init__(self, checkpoint: str = CHECKPOINT):
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.tokenizer.padding_side = "left"
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(device)
        self.device = device

    def format_prompt(self, question: str) -> str:
        return question

    def parse_answer(self, text: str) -> float:
        inside = text.split("<answer>")[-1].split("</answer>")[0]
        found = NUMBER.findall(inside.replace(",", ""))
        if not found:
            return float("nan")
        value = float(found[-1])
        return value if math.isfinite(value) else float("nan")

    def generate(self, prompt: str) -> str:
        return self.batched_generate([self.format_prompt(prompt)])[0]

    @torch.inference_mode()
    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        micro = 32
        if len(prompts) > micro:
            out = []
            for i in range(0, len(prompts), micro):
                out.extend(self.batched_generate(prompts[i : i + micro], num_return_sequences, temperature))
            return out

        batch = self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)
        sampling = {"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}
        ids = self.model.generate(
            **batch,
            max_new_tokens=self.max_new_tokens,
            num_return_sequences=num_return_sequences or 1,
            eos_token_id=self.tokenizer.eos_token_id,
            pad_token_id=self.tokenizer.pad_token_id,
            **sampling,
        )
        texts = self.tokenizer.batch_decode(ids[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
        if num_return_sequences is None:
            return texts
        k = num_return_sequences
        return [texts[i : i + k] for i in range(0, len(texts), k)]

    def answer(self, *questions) -> list[float]:
        prompts = [self.format_prompt(q) for q in questions]
        return [self.parse_answer(g) for g in self.batched_generate(prompts)]


def test_model():
    llm = BaseLLM()
    for text in ["The cat went up", "The dog went down"]:
        print(text, "->", llm.generate(text))


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model})
