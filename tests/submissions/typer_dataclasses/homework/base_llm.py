import re

import torch
import typer
from transformers import AutoModelForCausalLM, AutoTokenizer

from homework.plausibility import Magnitudes
from homework.settings import ModelSettings

NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?", re.IGNORECASE)


class BaseLLM:
    def __init__(self, checkpoint: str | None = None, settings: ModelSettings = ModelSettings()):
        self.settings = settings
        self.device = settings.device
        name = checkpoint or settings.checkpoint
        self.tokenizer = AutoTokenizer.from_pretrained(name)
        if not self.tokenizer.pad_token:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self.model = AutoModelForCausalLM.from_pretrained(name, dtype=settings.dtype).to(self.device)
        self.magnitudes = Magnitudes()

    def format_prompt(self, question: str) -> str:
        return f"{question.strip()} <answer>"

    def parse_answer(self, text: str) -> float:
        body = text.split("<answer>")[-1].split("</answer>")[0]
        match = NUMBER.search(body)
        return float(match.group()) if match else float("nan")

    def generate(self, prompt: str) -> str:
        return self.batched_generate([self.format_prompt(prompt)])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        copies = num_return_sequences or 1
        limit = max(1, self.settings.max_rows // copies)
        if len(prompts) > limit:
            head = self.batched_generate(prompts[:limit], num_return_sequences, temperature)
            return head + self.batched_generate(prompts[limit:], num_return_sequences, temperature)
        if not prompts:
            return []

        self.tokenizer.padding_side = "left"
        batch = self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)
        options = {"do_sample": False}
        if temperature > 0:
            options = {"do_sample": True, "temperature": temperature}
        self.model.eval()
        with torch.inference_mode():
            sequences = self.model.generate(
                **batch,
                **options,
                num_return_sequences=copies,
                max_new_tokens=self.settings.max_new_tokens,
                pad_token_id=self.tokenizer.pad_token_id,
            )
        texts = self.tokenizer.batch_decode(sequences[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
        if num_return_sequences is None:
            return texts
        return [texts[i : i + copies] for i in range(0, len(texts), copies)]

    def answer(self, *questions: str) -> list[float]:
        texts = self.batched_generate([self.format_prompt(q) for q in questions])
        values = [self.parse_answer(t) for t in texts]
        return [self.magnitudes.settle(q, v) for q, v in zip(questions, values)]


def test_model(question: str = "How many minutes are in 3 hours?") -> None:
    typer.echo(BaseLLM().generate(question))


if __name__ == "__main__":
    typer.run(lambda command="test": test_model())
