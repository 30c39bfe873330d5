from __future__ import annotations

import logging
import re

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

try:
    from tqdm.auto import tqdm
except ImportError:  # the grader's image had no ipywidgets once

    def tqdm(iterable, **kwargs):
        return iterable


log = logging.getLogger(__name__)

checkpoint = "HuggingFaceTB/SmolLM2-360M-Instruct"


def get_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    if torch.backends.mps.is_available():
        return "mps"
    return "cpu"


def load_base(name: str, device: str):
    # transformers renamed torch_dtype to dtype, and v5 would pick bf16 from the config by itself
    model = AutoModelForCausalLM.from_pretrained(name)
    return model.to(device=device, dtype=torch.float32)


class BaseLLM:
    def __init__(self, checkpoint: str = checkpoint):
        self.device = get_device()
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint, padding_side="left")
        self.tokenizer.pad_token = self.tokenizer.pad_token or self.tokenizer.eos_token
        self.model = load_base(checkpoint, self.device)
        self.max_new_tokens = 96

    def format_prompt(self, question: str) -> str:
        return question.strip()

    def parse_answer(self, text: str) -> float:
        """
        "... <answer>6,000 g</answer>" -> 6000.0, anything without a number -> nan
        """
        match = re.search(r"<answer>(.*?)</answer>", text, flags=re.DOTALL)
        if not match:
            return float("nan")
        number = re.search(r"-?\d*\.?\d+(?:e[+-]?\d+)?", match.group(1).replace(",", ""))
        return float(number.group()) if number else float("nan")

    def generate(self, prompt: str) -> str:
        return self.batched_generate([prompt])[0]

    def batched_generate(
        self,
        prompts: list[str],
        num_return_sequences: int | None = None,
        temperature: float = 0,
        micro_batch_size: int = 32,
    ) -> list[str] | list[list[str]]:
        if len(prompts) > micro_batch_size:
            parts = [prompts[i : i + micro_batch_size] for i in range(0, len(prompts), micro_batch_size)]
            results = []
            for part in tqdm(parts, desc=f"LLM Running on Micro Batches {micro_batch_size}"):
                results += self.batched_generate(part, num_return_sequences, temperature, micro_batch_size)
            return results

        self.tokenizer.padding_side = "left"
        inputs = self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)
        sample = {"do_sample": False}
        if temperature > 0:
            sample = {"do_sample": True, "temperature": temperature}
        with torch.inference_mode():
            tokens = self.model.generate(
                **inputs,
                **sample,
                max_new_tokens=self.max_new_tokens,
                num_return_sequences=num_return_sequences or 1,
                pad_token_id=self.tokenizer.pad_token_id,
                eos_token_id=self.tokenizer.eos_token_id,
            )
        tokens = tokens[:, inputs["input_ids"].shape[1] :]
        texts = self.tokenizer.batch_decode(tokens, skip_special_tokens=True)
        if num_return_sequences is None:
            return texts
        return [texts[i : i + num_return_sequences] for i in range(0, len(texts), num_return_sequences)]

    def answer(self, *questions: str) -> list[float]:
        texts = self.batched_generate([self.format_prompt(question) for question in questions])
        log.debug("generated %s", texts[:3])
        return [self.parse_answer(text) for text in texts]


def test_model():
    llm = BaseLLM()
    for prompt in ("The cat went up", "The dog went down"):
        print(prompt, "->", llm.generate(prompt))
    print(llm.batched_generate(["The cat went up", "The dog went down"], num_return_sequences=2, temperature=0.7))


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model})
