from __future__ import annotations

import re
import torch
from tqdm import tqdm
from transformers import AutoModelForCausalLM, AutoTokenizer

from .config import ModelConfig

NUMBER = r"[-+]?(?:\d[\d,]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
OPENED = re.compile(rf"<answer>\s*({NUMBER})")
CLOSED = re.compile(rf"({NUMBER})\s*</answer>")

device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"


class BaseLLM:
    config_class = ModelConfig

    def __init__(self, checkpoint: str | None = None, config: ModelConfig | None = None):
        self.config = config or self.config_class()
        if checkpoint is not None:
            self.config = self.config.but(checkpoint=checkpoint)
        self.device = device
        self.tokenizer = AutoTokenizer.from_pretrained(self.config.checkpoint)
        self.tokenizer.padding_side = "left"
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self.model = AutoModelForCausalLM.from_pretrained(self.config.checkpoint, dtype=self.config.dtype).to(device)
        self.model.eval()

    def format_prompt(self, question: str) -> str:
        return f"{question.strip()} <answer>"

    def parse_answer(self, answer: str) -> float:
        found = OPENED.search(answer) or CLOSED.search(answer)
        if found is None:
            return float("nan")
        try:
            return float(found.group(1).replace(",", ""))
        except ValueError:
            return float("nan")
        # return 0.0   <- first version; made the answer rate look like 1.0

    def generate(self, prompt: str) -> str:
        return self.batched_generate([prompt])[0]

    @torch.inference_mode()
    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        size = self.config.generation_batch
        if len(prompts) > size:
            bar = tqdm(range(0, len(prompts), size), desc=f"LLM in chunks of {size}")
            return [
                text
                for start in bar
                for text in self.batched_generate(prompts[start : start + size], num_return_sequences, temperature)
            ]
        if not prompts:
            return []
        count = num_return_sequences or 1
        if count > 1 and temperature <= 0:
            raise ValueError("several samples need a temperature above 0")
        encoded = self.tokenizer(list(prompts), padding=True, return_tensors="pt").to(self.device)
        sampling = {"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}
        produced = self.model.generate(
            **encoded,
            **sampling,
            max_new_tokens=self.config.max_new_tokens,
            num_return_sequences=count,
            eos_token_id=self.tokenizer.eos_token_id,
            pad_token_id=self.tokenizer.pad_token_id,
        )
        texts = self.tokenizer.batch_decode(produced[:, encoded["input_ids"].shape[1] :], skip_special_tokens=True)
        if num_return_sequences is None:
            return texts
        return [texts[row * count : (row + 1) * count] for row in range(len(prompts))]

    def answer(self, *questions) -> list[float]:
        prompts = [self.format_prompt(question) for question in questions]
        return [self.parse_answer(text) for text in self.batched_generate(prompts)]


def test_model():
    llm = BaseLLM()
    for prompt in ("The cat went up", "The dog went down"):
        print(prompt, "->", llm.generate(prompt))
    print(llm.batched_generate(["The cat went up", "The dog went down"]))


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model})
