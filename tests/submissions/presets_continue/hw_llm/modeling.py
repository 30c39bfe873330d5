import contextlib
import re

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from .config import active


@contextlib.contextmanager
def left_padded(tokenizer):
    side, tokenizer.padding_side = tokenizer.padding_side, "left"
    try:
        yield tokenizer
    finally:
        tokenizer.padding_side = side


class BaseLLM:
    tail = ""

    def __init__(self, checkpoint=None):
        checkpoint = checkpoint or active().checkpoint
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, torch_dtype=torch.float32).to(self.device)

    def format_prompt(self, question):
        return question.strip() + self.tail

    def parse_answer(self, text):
        found = re.search(r"<answer>\s*(-?[\d.,]*\d(?:e[+-]?\d+)?)", self.tail + text, re.I)
        try:
            return float(found.group(1).replace(",", "")) if found else float("nan")
        except ValueError:
            return float("nan")

    def generate(self, prompt):
        return self.batched_generate([self.format_prompt(prompt)])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        """Splits until it fits; one prompt always has to."""
        if len(prompts) > 40:
            middle = len(prompts) // 2
            return (
                self.batched_generate(prompts[:middle], num_return_sequences, temperature)
                + self.batched_generate(prompts[middle:], num_return_sequences, temperature)
            )
        with left_padded(self.tokenizer) as tok, torch.inference_mode():
            enc = tok(prompts, padding=True, return_tensors="pt").to(self.device)
            out = self.model.generate(
                **enc,
                max_new_tokens=64,
                do_sample=bool(temperature),
                **({"temperature": temperature} if temperature else {}),
                num_return_sequences=num_return_sequences or 1,
                pad_token_id=tok.eos_token_id,
            )
            texts = tok.batch_decode(out[:, enc["input_ids"].shape[1]:], skip_special_tokens=True)
        if num_return_sequences is None:
            return texts
        return [texts[i:i + num_return_sequences] for i in range(0, len(texts), num_return_sequences)]

    def answer(self, *questions):
        return [self.parse_answer(t) for t in self.batched_generate([self.format_prompt(q) for q in questions])]


class CoTModel(BaseLLM):
    def format_prompt(self, question):
        return self.tokenizer.apply_chat_template(
            [
                dict(role="system", content="Convert units in one line, then give <answer>the number</answer>."),
                dict(role="user", content="Express 7 km in m."),
                dict(role="assistant", content="1 km = 1000 m, 7 * 1000 = <answer>7000</answer>"),
                dict(role="user", content=question),
            ],
            tokenize=False,
            add_generation_prompt=True,
        )
