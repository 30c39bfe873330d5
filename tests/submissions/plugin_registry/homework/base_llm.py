from __future__ import annotations

from functools import lru_cache

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from . import prompts as _prompts  # noqa: F401 - registers
from .parsing import chain
from .registry import prompts

CHECKPOINT = "HuggingFaceTB/SmolLM2-360M-Instruct"
BASE_DTYPE = torch.float32  # in training and in answering alike
CHUNK = 48


@lru_cache(maxsize=4)
def tokenizer_for(checkpoint: str, side: str):
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    tokenizer.padding_side = side
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token_id = tokenizer.eos_token_id
    return tokenizer


class BaseLLM:
    style = "direct"
    max_new_tokens = 40
    parse_answer = staticmethod(chain("tag", "last-number"))

    def __init__(self, checkpoint: str = CHECKPOINT, style: str | None = None):
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.tokenizer = tokenizer_for(checkpoint, "left")
        self.prompt = prompts[style or self.style](self.tokenizer)
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=BASE_DTYPE).to(self.device).eval()

    def format_prompt(self, question: str) -> str:
        return self.prompt.render(question)

    def generate(self, prompt: str) -> str:
        return self.batched_generate([prompt])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        if len(prompts) > CHUNK:
            head = self.batched_generate(prompts[:CHUNK], num_return_sequences, temperature)
            return head + self.batched_generate(prompts[CHUNK:], num_return_sequences, temperature)
        if len(prompts) == 0:
            return []
        inputs = self.tokenizer(list(prompts), padding=True, return_tensors="pt").to(self.device)
        kwargs = {"do_sample": False}
        if temperature > 0:
            kwargs = {"do_sample": True, "temperature": temperature}
        with torch.inference_mode():
            outputs = self.model.generate(
                **inputs,
                max_new_tokens=self.max_new_tokens,
                num_return_sequences=num_return_sequences or 1,
                pad_token_id=self.tokenizer.pad_token_id,
                **kwargs,
            )
        width = inputs["input_ids"].shape[1]
        texts = self.tokenizer.batch_decode(outputs[:, width:], skip_special_tokens=True)
        if num_return_sequences is None:
            return texts
        return [texts[at : at + num_return_sequences] for at in range(0, len(texts), num_return_sequences)]

    def answer(self, *questions) -> list[float]:
        rendered = list(map(self.format_prompt, questions))
        return list(map(self.parse_answer, self.batched_generate(rendered)))


def test_model():
    llm = BaseLLM()
    for text in ["The cat went up", "The dog went down"]:
        print(repr(llm.generate(text)))


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model})
