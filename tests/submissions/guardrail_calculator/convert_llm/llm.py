from __future__ import annotations

from functools import reduce
from typing import Iterable

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from .post import CHAIN, leading_number

SMOL = "HuggingFaceTB/SmolLM2-360M-Instruct"


class BaseLLM:
    """prompt -> text -> number"""

    postprocess: tuple = ()
    opens_tag: bool = True

    def __init__(self, checkpoint: str = SMOL) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint, padding_side="left")
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, torch_dtype=torch.float32)
        self.model.to(self.device)
        self.generation = GenerationConfig(
            max_new_tokens=60,
            eos_token_id=self.tokenizer.eos_token_id,
            pad_token_id=self.tokenizer.eos_token_id,
        )

    def format_prompt(self, question: str) -> str:
        return question.strip() + (" <answer>" if self.opens_tag else "")

    def parse_answer(self, text: str) -> float:
        _, tag, after = text.rpartition("<answer>")
        body, *_ = (after if tag else text).split("</answer>")
        return leading_number(body)

    def generate(self, prompt: str) -> str:
        return next(iter(self.batched_generate([self.format_prompt(prompt)])))

    def _stream(self, prompts: list[str], repeats: int, temperature: float, step: int = 32) -> Iterable[str]:
        for begin in range(0, len(prompts), step):
            enc = self.tokenizer(prompts[begin : begin + step], padding=True, return_tensors="pt").to(self.device)
            knobs = {"do_sample": True, "temperature": temperature} if temperature else {"do_sample": False}
            with torch.inference_mode():
                ids = self.model.generate(
                    **enc, generation_config=self.generation, num_return_sequences=repeats, **knobs
                )
            yield from self.tokenizer.batch_decode(ids[:, enc.input_ids.shape[-1] :], skip_special_tokens=True)

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        texts = list(self._stream(list(prompts), num_return_sequences or 1, temperature))
        if num_return_sequences is None:
            return texts
        return [texts[i : i + num_return_sequences] for i in range(0, len(texts), num_return_sequences)]

    def answer(self, *questions: str) -> list[float]:
        texts = self.batched_generate([self.format_prompt(q) for q in questions])
        return [
            reduce(lambda value, step: step(q, t, value), self.postprocess, self.parse_answer(t))
            for q, t in zip(questions, texts)
        ]


class TunedLLM(BaseLLM):
    postprocess = CHAIN


class CoTModel(BaseLLM):
    def format_prompt(self, question: str) -> str:
        dialogue = (
            ("system", "Convert the quantity. One short step, and the number in <answer></answer>."),
            ("user", "How many feet are 3 yards?"),
            ("assistant", "1 yard = 3 feet. 3 * 3 = <answer>9</answer>"),
            ("user", question),
        )
        return self.tokenizer.apply_chat_template(
            [{"role": r, "content": c} for r, c in dialogue], tokenize=False, add_generation_prompt=True
        )
