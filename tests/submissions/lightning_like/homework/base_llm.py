import json
import re
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

PACKAGE = Path(__file__).resolve().parent
CONFIG = json.loads((PACKAGE / "config.json").read_text())


class BaseLLM:
    max_new_tokens = 20
    chunk = 128

    def __init__(self, checkpoint: str = CONFIG["checkpoint"]):
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint, padding_side="left")
        self.tokenizer.pad_token = self.tokenizer.pad_token or self.tokenizer.eos_token
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(self.device)

    def format_prompt(self, question: str) -> str:
        return f"{question.strip()} <answer>"

    def parse_answer(self, text: str) -> float:
        text = text.split("<answer>")[-1].split("</answer>")[0].strip()
        try:
            return float(text.replace(",", ""))
        except ValueError:
            pass
        number = re.search(r"-?\d+\.?\d*", text)
        return float(number.group()) if number else float("nan")

    def generate(self, prompt: str) -> str:
        return self.batched_generate([self.format_prompt(prompt)])[0]

    def _encode(self, prompts):
        texts = [self.format_prompt(p) for p in prompts]
        return self.tokenizer(texts, padding=True, return_tensors="pt").to(self.device)

    def _sample(self, prompts, n, temperature):
        inputs = self._encode(prompts)
        kwargs = {"do_sample": temperature > 0}
        if temperature > 0:
            kwargs["temperature"] = temperature
        output = self.model.generate(
            **inputs,
            max_new_tokens=self.max_new_tokens,
            num_return_sequences=n,
            pad_token_id=self.tokenizer.pad_token_id,
            **kwargs,
        )
        return self.tokenizer.batch_decode(output[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)

    @torch.inference_mode()
    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        self.model.eval()
        n = num_return_sequences or 1
        size = max(1, self.chunk // n)
        texts = []
        for start in range(0, len(prompts), size):
            texts += self._sample(prompts[start : start + size], n, temperature)
        if num_return_sequences is None:
            return texts
        return [texts[i : i + n] for i in range(0, len(texts), n)]

    def answer(self, *questions) -> list[float]:
        prompts = [self.format_prompt(q) for q in questions]
        return [self.parse_answer(text) for text in self.batched_generate(prompts)]


def test_model():
    llm = BaseLLM()
    for question in ("How many ft are 4 yd?", "Convert 3 GB to MB."):
        print(question, "|", llm.generate(question))


if __name__ == "__main__" and sys.argv[1] == "test":
    test_model()
