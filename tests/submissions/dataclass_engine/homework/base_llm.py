from __future__ import annotations

import re
from collections.abc import Iterable

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from homework.settings import ModelSettings

_NUMBER = re.compile(r"[-+]?\d[\d,]*\.?\d*(?:[eE][-+]?\d+)?")


def pick_device() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps") if torch.backends.mps.is_available() else torch.device("cpu")


class BaseLLM:
    prompt_suffix = ""
    settings = ModelSettings()

    def __init__(self, checkpoint: str | None = None) -> None:
        name = checkpoint or self.settings.checkpoint
        self.device = pick_device()
        self.tokenizer = AutoTokenizer.from_pretrained(name, padding_side="left")
        self.model = AutoModelForCausalLM.from_pretrained(name, **self.settings.kwargs()).to(self.device)

    # -- prompts and answers ---------------------------------------------------------------------------------------

    def format_prompt(self, question: str) -> str:
        return question.strip() + self.prompt_suffix

    def parse_answer(self, text: str) -> float:
        head, _, _ = text.partition("</answer>")
        _, _, body = head.rpartition("<answer>")
        match = _NUMBER.search(body or head)
        return float(match[0].replace(",", "")) if match else float("nan")

    # -- generation ------------------------------------------------------------------------------------------------

    def generate(self, prompt: str) -> str:
        [text] = self.batched_generate([prompt])
        return text

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        flat = list(self._run(prompts, num_return_sequences or 1, temperature))
        if num_return_sequences is None:
            return flat
        return [flat[i : i + num_return_sequences] for i in range(0, len(flat), num_return_sequences)]

    def _run(self, prompts: list[str], copies: int, temperature: float, rows: int = 48) -> Iterable[str]:
        generation = GenerationConfig(
            max_new_tokens=64,
            num_return_sequences=copies,
            do_sample=temperature > 0,
            temperature=temperature if temperature > 0 else None,
            pad_token_id=self.tokenizer.pad_token_id,
            eos_token_id=self.tokenizer.eos_token_id,
        )
        step = max(1, rows // copies)
        for start in range(0, len(prompts), step):
            chunk = prompts[start : start + step]
            batch = self.tokenizer(chunk, padding=True, return_tensors="pt").to(self.device)
            with torch.no_grad():
                ids = self.model.generate(**batch, generation_config=generation)
            yield from self.tokenizer.batch_decode(ids[:, batch.input_ids.size(1) :], skip_special_tokens=True)

    def answer(self, *questions: str) -> list[float]:
        return list(map(self.parse_answer, self.batched_generate(list(map(self.format_prompt, questions)))))
