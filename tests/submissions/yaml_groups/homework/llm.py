from __future__ import annotations

import re

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from .config import Node, compose

ANSWER = re.compile(r"<answer>\s*([-+.\deE]+)\s*</answer>")


class BaseLLM:
    def __init__(self, checkpoint: str | None = None, cfg: Node | None = None):
        self.cfg = cfg if cfg is not None else compose(stage="train")
        source = checkpoint or self.cfg.model.checkpoint
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer = AutoTokenizer.from_pretrained(source, padding_side="left")
        self.tokenizer.pad_token = self.tokenizer.eos_token
        self.model = AutoModelForCausalLM.from_pretrained(
            source,
            dtype=getattr(torch, self.cfg.stage.weights),
            attn_implementation=self.cfg.model.attn,
        ).to(self.device)

    def format_prompt(self, question: str) -> str:
        return question

    def parse_answer(self, text: str) -> float:
        match = ANSWER.search(text)
        try:
            return float(match[1])
        except (TypeError, ValueError):
            return float("nan")

    def generate(self, prompt: str) -> str:
        return self.batched_generate([self.format_prompt(prompt)])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        k = num_return_sequences or 1
        rows = max(1, self.cfg.stage.get("batch_rows", 32) // k)
        texts: list[str] = []
        for lo in range(0, len(prompts), rows):
            batch = self.tokenizer(prompts[lo : lo + rows], padding=True, return_tensors="pt").to(self.device)
            with torch.inference_mode():
                out = self.model.generate(
                    **batch,
                    max_new_tokens=self.cfg.experiment.room,
                    num_return_sequences=k,
                    do_sample=temperature > 0,
                    temperature=temperature if temperature > 0 else None,
                    pad_token_id=self.tokenizer.pad_token_id,
                )
            texts += self.tokenizer.batch_decode(out[:, batch.input_ids.shape[1] :], skip_special_tokens=True)
        return texts if num_return_sequences is None else [texts[i : i + k] for i in range(0, len(texts), k)]

    def answer(self, *questions):
        return [self.parse_answer(t) for t in self.batched_generate([self.format_prompt(q) for q in questions])]


class TunedLLM(BaseLLM):
    """Prompt, target and the part of the answer that the prompt already holds come from conf/experiment."""

    def format_prompt(self, question):
        return self.cfg.experiment.prompt.format(question=question.strip())

    def parse_answer(self, text):
        return super().parse_answer(self.cfg.experiment.restore + text)


class CoTModel(BaseLLM):
    SHOTS = (
        ("How many gram are there per 6 kg?", "1 kg = 1000 gram. 6 * 1000 = <answer>6000</answer>"),
        ("What is 5 min in s?", "1 min = 60 s. 5 * 60 = <answer>300</answer>"),
    )

    def format_prompt(self, question):
        turns = [{"role": "system", "content": "Convert units. One line of reasoning, result in <answer></answer>."}]
        for q, a in self.SHOTS:
            turns += [{"role": "user", "content": q}, {"role": "assistant", "content": a}]
        turns += [{"role": "user", "content": question}]
        return self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
