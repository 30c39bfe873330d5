import re

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

checkpoint = "HuggingFaceTB/SmolLM2-360M-Instruct"
NUMBER = re.compile(r"<answer>\s*(-?\d+(?:\.\d+)?(?:e[-+]?\d+)?)\s*</answer>")


class BaseLLM:
    max_tokens_per_call = 64

    def __init__(self, checkpoint=checkpoint):
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.tokenizer.pad_token = self.tokenizer.eos_token
        self.tokenizer.padding_side = "left"  # for everything: see loop.collate
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(self.device)

    def format_prompt(self, question):
        return question

    def parse_answer(self, text):
        m = NUMBER.search(text)
        return float(m.group(1)) if m else float("nan")

    def generate(self, prompt):
        return self.batched_generate([self.format_prompt(prompt)])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0, limit=64):
        k = num_return_sequences or 1
        # too many sequences at once: halve. One prompt alone is never split, so this ends.
        if len(prompts) > 1 and len(prompts) * k > limit:
            mid = len(prompts) // 2
            left = self.batched_generate(prompts[:mid], num_return_sequences, temperature, limit)
            right = self.batched_generate(prompts[mid:], num_return_sequences, temperature, limit)
            return left + right

        enc = self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)
        extra = dict(do_sample=True, temperature=temperature) if temperature > 0 else dict(do_sample=False)
        with torch.no_grad():
            ids = self.model.generate(
                **enc,
                max_new_tokens=self.max_tokens_per_call,
                num_return_sequences=k,
                pad_token_id=self.tokenizer.pad_token_id,
                **extra,
            )
        texts = self.tokenizer.batch_decode(ids[:, enc.input_ids.shape[1] :], skip_special_tokens=True)
        if num_return_sequences is None:
            return texts
        return [texts[i : i + k] for i in range(0, len(texts), k)]

    def answer(self, *questions):
        return [self.parse_answer(t) for t in self.batched_generate([self.format_prompt(q) for q in questions])]
