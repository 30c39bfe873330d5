import math
from typing import Callable

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

_fallbacks: list[Callable[[str], float]] = []


def fallback(function):
    """Register what is asked when the model stays silent."""
    _fallbacks.append(function)
    return function


class BaseLLM:
    def __init__(self, checkpoint: str = "HuggingFaceTB/SmolLM2-360M-Instruct") -> None:
        self.device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint, padding_side="left")
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(self.device)

    def format_prompt(self, question: str) -> str:
        return question

    def parse_answer(self, text: str) -> float:
        try:
            return float(text.split("<answer>")[1].split("</answer>")[0])
        except (IndexError, ValueError):
            return math.nan

    def generate(self, prompt: str) -> str:
        return self.batched_generate([prompt])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        enc = self.tokenizer(list(prompts), padding=True, return_tensors="pt").to(self.device)
        n = num_return_sequences or 1
        opts = {"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}
        with torch.inference_mode():
            out = self.model.generate(**enc, **opts, num_return_sequences=n, max_new_tokens=48)
        texts = self.tokenizer.batch_decode(out[:, enc["input_ids"].shape[1] :], skip_special_tokens=True)
        if num_return_sequences is None:
            return texts
        return [texts[i : i + n] for i in range(0, len(texts), n)]

    def answer(self, *questions: str) -> list[float]:
        answers = [self.parse_answer(text) for text in self.batched_generate([self.format_prompt(q) for q in questions])]
        for i, question in enumerate(questions):
            for ask in _fallbacks:
                if math.isnan(answers[i]):
                    answers[i] = ask(question)
        return answers
