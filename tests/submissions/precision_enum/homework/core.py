from __future__ import annotations

import dataclasses
import enum
import re
from pathlib import Path
from typing import Self

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer


class Precision(enum.Enum):
    FULL = torch.float32
    BRAIN = torch.bfloat16

    @classmethod
    def thrifty(cls) -> Precision:
        """What fits on a laptop."""
        return cls.BRAIN


@dataclasses.dataclass(frozen=True)
class LLMConfig:
    checkpoint: str = "HuggingFaceTB/SmolLM2-360M-Instruct"
    precision: Precision = dataclasses.field(default_factory=Precision.thrifty)
    device: str = "cuda" if torch.cuda.is_available() else "cpu"
    adapter: Path | None = None
    max_new_tokens: int = 64
    micro_batch: int = 32

    def but(self, **changes) -> Self:
        return dataclasses.replace(self, **changes)


class BaseLLM:
    _number = re.compile(r"<answer>\s*([-+\d.,eE]+)\s*(?:</answer>)?")

    def __init__(self, checkpoint: str | None = None, config: LLMConfig = LLMConfig()):
        self.config = config if checkpoint is None else config.but(checkpoint=checkpoint)
        self.device = self.config.device
        self.tokenizer = AutoTokenizer.from_pretrained(self.config.checkpoint)
        self.model = AutoModelForCausalLM.from_pretrained(
            self.config.checkpoint, torch_dtype=self.config.precision.value
        ).to(self.device)
        if self.config.adapter is not None:
            self.model = PeftModel.from_pretrained(self.model, str(self.config.adapter)).eval()

    @classmethod
    def with_adapter(cls, folder: Path, config: LLMConfig = LLMConfig()) -> Self:
        return cls(config=config.but(adapter=Path(folder)))

    def format_prompt(self, question: str) -> str:
        return " ".join((question.strip(), "<answer>"))

    def parse_answer(self, text: str) -> float:
        if (m := self._number.search("<answer>" + text.removeprefix("<answer>"))) is None:
            return float("nan")
        try:
            return float(m.group(1).replace(",", ""))
        except ValueError:
            return float("nan")

    def generate(self, prompt: str) -> str:
        (text,) = self.batched_generate([self.format_prompt(prompt)])
        return text

    def batched_generate(
        self, prompts: list[str], num_return_sequences: int | None = None, temperature: float = 0
    ) -> list[str] | list[list[str]]:
        per_prompt = num_return_sequences or 1
        texts: list[str] = []
        for lo in range(0, len(prompts), self.config.micro_batch):
            chunk = prompts[lo : lo + self.config.micro_batch]
            enc = self.tokenizer(chunk, padding=True, padding_side="left", return_tensors="pt").to(self.device)
            with torch.inference_mode():
                out = self.model.generate(
                    **enc,
                    max_new_tokens=self.config.max_new_tokens,
                    num_return_sequences=per_prompt,
                    pad_token_id=self.tokenizer.eos_token_id,
                    **({"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}),
                )
            texts += self.tokenizer.batch_decode(out[:, enc["input_ids"].shape[1] :], skip_special_tokens=True)
        if num_return_sequences is None:
            return texts
        return [texts[i : i + per_prompt] for i in range(0, len(texts), per_prompt)]

    def answer(self, *questions: str) -> list[float]:
        return [self.parse_answer(t) for t in self.batched_generate([*map(self.format_prompt, questions)])]
