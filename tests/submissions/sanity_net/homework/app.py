import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from . import units

PKG = Path(__file__).resolve().parent


def number_in(text: str, default: float = 0.0) -> float:
    match = re.search(r"-?\d+(?:\.\d+)?(?:e[+-]\d+)?", text)
    return float(match.group()) if match else default


class Dataset:
    def __init__(self, split: str) -> None:
        self.data: list[Any] = json.loads((PKG.parent / "data" / f"{split}.json").read_text())

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, i: int) -> Any:
        return self.data[i]


def is_answer_valid(answer: float, correct_answer: float, relative_tolerance: float = 0.05) -> bool:
    return abs(round(answer, 3) - round(correct_answer, 3)) < relative_tolerance * abs(round(correct_answer, 3))


def benchmark(func: "BaseLLM", dataset: Dataset, max_question: int) -> dict[str, float]:
    n = min(max_question, len(dataset))
    answers = func.answer(*[dataset[i][0] for i in range(n)])
    far = [i for i in range(n) if not units.plausible(answers[i], units.expected_size(dataset[i][0]), 0.5)]
    print(f"{len(far)} of {n} answers are off by more than half")
    return {
        "accuracy": sum(is_answer_valid(answers[i], dataset[i][1]) for i in range(n)) / n,
        "answer_rate": sum(a == a for a in answers) / n,
    }


class BaseLLM:
    def __init__(self, checkpoint: str = "HuggingFaceTB/SmolLM2-360M-Instruct") -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        if self.tokenizer.padding_side != "left":
            self.tokenizer.padding_side = "left"
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(self.device)

    def format_prompt(self, question: str) -> str:
        return question

    def parse_answer(self, text: str) -> float:
        inner = re.search(r"<answer>(.*?)</answer>", text, flags=re.DOTALL)
        return number_in(inner.group(1) if inner else "")

    def generate(self, prompt: str) -> str:
        return self.batched_generate([prompt])[0]

    def batched_generate(self, prompts: Sequence[str], num_return_sequences: Optional[int] = None, temperature: float = 0):
        texts: list[str] = []
        for k in range(0, len(prompts), 32):
            enc = self.tokenizer(list(prompts[k : k + 32]), padding=True, return_tensors="pt").to(self.device)
            out = self.model.generate(
                **enc,
                max_new_tokens=50,
                do_sample=temperature > 0,
                temperature=temperature if temperature > 0 else None,
                num_return_sequences=num_return_sequences or 1,
            )
            texts.extend(self.tokenizer.batch_decode(out[:, enc["input_ids"].shape[1] :], skip_special_tokens=True))
        if num_return_sequences is None:
            return texts
        return [texts[k : k + num_return_sequences] for k in range(0, len(texts), num_return_sequences)]

    def answer(self, *questions: str) -> list[float]:
        values = [self.parse_answer(t) for t in self.batched_generate([self.format_prompt(q) for q in questions])]
        return [self.checked(q, v) for q, v in zip(questions, values)]

    def checked(self, question: str, value: float) -> float:
        """Replies that are physically impossible are repaired."""
        reference = units.expected_size(question)
        return value if units.plausible(value, reference) else reference


class SFTModel(BaseLLM):
    def format_prompt(self, question: str) -> str:
        return question.strip() + " <answer>"

    def parse_answer(self, text: str) -> float:
        return super().parse_answer("<answer>" + text)


class RFTModel(BaseLLM):
    def format_prompt(self, question: str) -> str:
        return question.strip() + "\nShort reasoning:"


class CoTModel(BaseLLM):
    def format_prompt(self, question: str) -> str:
        messages = [
            {"role": "system", "content": "Unit conversion. One short line, then <answer>number</answer>."},
            {"role": "user", "content": "How many m are 2 km?"},
            {"role": "assistant", "content": "1 km = 1000 m. 2 * 1000 = <answer>2000</answer>"},
            {"role": "user", "content": question},
        ]
        return self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)


def _with_adapter(llm: BaseLLM, name: str) -> BaseLLM:
    llm.model = PeftModel.from_pretrained(llm.model, str(PKG / name)).to(llm.device)
    llm.model.eval()
    return llm


def load_cot() -> BaseLLM:
    return CoTModel()


def load_sft() -> BaseLLM:
    return _with_adapter(SFTModel(), "sft_model")


def load_rft() -> BaseLLM:
    return _with_adapter(RFTModel(), "rft_model")
