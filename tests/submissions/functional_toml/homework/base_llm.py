import re
import sys
from collections.abc import Callable
from itertools import chain

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from .config import section

CHECKPOINT = section("base")["checkpoint"]
CHUNK_ROWS = 256


def pick_device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


# ---- text -> text, text -> number -------------------------------------------------------


def completion_prompt(question: str) -> str:
    return f"{question.strip()} <answer>"


def plain_prompt(question: str) -> str:
    return question.strip()


def parse_number(text: str) -> float:
    inner = text.split("<answer>")[-1].partition("</answer>")[0]
    hit = re.search(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", inner.replace(",", ""))
    return float(hit[0]) if hit else float("nan")


# ---- model ------------------------------------------------------------------------------


def load_base(checkpoint: str, dtype: torch.dtype, device: str):
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=dtype)
    return model.to(device).eval(), tokenizer


def chunks(items: list, size: int):
    return (items[i : i + size] for i in range(0, len(items), size))


def complete(model, tokenizer, prompts: list[str], n: int, temperature: float, max_new_tokens: int) -> list[list[str]]:
    tokenizer.padding_side = "left"
    batch = tokenizer(prompts, padding=True, return_tensors="pt").to(model.device)
    sampling = {"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}
    with torch.inference_mode():
        out = model.generate(
            **batch,
            max_new_tokens=max_new_tokens,
            num_return_sequences=n,
            pad_token_id=tokenizer.pad_token_id,
            **sampling,
        )
    texts = tokenizer.batch_decode(out[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
    return list(chunks(texts, n))


class BaseLLM:
    """A record of a model, a tokenizer and the two functions around them."""

    def __init__(
        self,
        checkpoint: str = CHECKPOINT,
        *,
        dtype: torch.dtype = torch.float32,
        formatter: Callable[[str], str] = completion_prompt,
        max_new_tokens: int = section("sft")["max_new_tokens"],
    ):
        self.device = pick_device()
        self.model, self.tokenizer = load_base(checkpoint, dtype, self.device)
        self.formatter = formatter
        self.max_new_tokens = max_new_tokens

    def format_prompt(self, question: str) -> str:
        return self.formatter(question)

    def parse_answer(self, text: str) -> float:
        return parse_number(text)

    def generate(self, prompt: str) -> str:
        return self.batched_generate([self.format_prompt(prompt)])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        n = num_return_sequences or 1
        size = max(1, CHUNK_ROWS // n)
        groups = list(
            chain.from_iterable(
                complete(self.model, self.tokenizer, part, n, temperature, self.max_new_tokens)
                for part in chunks(list(prompts), size)
            )
        )
        return groups if num_return_sequences else [first for first, *_ in groups]

    def answer(self, *questions: str) -> list[float]:
        return list(map(self.parse_answer, self.batched_generate(list(map(self.format_prompt, questions)))))


def test_model():
    llm = BaseLLM()
    for q in ["How many cm are in 3 m?", "What is 2 kB in bit?"]:
        print(q, repr(llm.generate(q)), llm.answer(q))


if __name__ == "__main__":
    {"test": test_model}[sys.argv[1]]()
