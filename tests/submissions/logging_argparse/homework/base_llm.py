import argparse
import logging

import torch
from tqdm import tqdm
from transformers import AutoModelForCausalLM, AutoTokenizer

from .log import setup_logging, timed

logger = logging.getLogger(__name__)

checkpoint = "HuggingFaceTB/SmolLM2-360M-Instruct"
device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"


class BaseLLM:
    def __init__(self, checkpoint: str = checkpoint):
        with timed(logger, f"loading {checkpoint}"):
            self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
            self.model = AutoModelForCausalLM.from_pretrained(checkpoint).to(device)
        self.device = device
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        logger.debug("device %s, dtype %s", device, self.model.dtype)

    def format_prompt(self, question: str) -> str:
        """Take a question and convert it into an input to SmolLM2."""
        return question.strip()

    def parse_answer(self, answer: str) -> float:
        """The number between <answer> and </answer>, or nan."""
        try:
            return float(answer.split("<answer>")[1].split("</answer>")[0].strip().replace(",", ""))
        except (IndexError, ValueError):
            logger.debug("no number in %r", answer)
            return float("nan")

    def generate(self, prompt: str) -> str:
        return self.batched_generate([prompt])[0]

    def batched_generate(
        self, prompts: list[str], num_return_sequences: int | None = None, temperature: float = 0
    ) -> list[str] | list[list[str]]:
        micro_batch_size = 32
        if len(prompts) > micro_batch_size:
            return [
                r
                for idx in tqdm(range(0, len(prompts), micro_batch_size), desc="Micro batches")
                for r in self.batched_generate(prompts[idx : idx + micro_batch_size], num_return_sequences, temperature)
            ]

        self.tokenizer.padding_side = "left"
        inputs = self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)
        n = num_return_sequences or 1
        kwargs = dict(max_new_tokens=100, num_return_sequences=n, pad_token_id=self.tokenizer.pad_token_id)
        if temperature > 0:
            kwargs.update(do_sample=True, temperature=temperature)
        else:
            kwargs.update(do_sample=False)

        with torch.inference_mode():
            outputs = self.model.generate(**inputs, **kwargs)
        texts = self.tokenizer.batch_decode(outputs[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        logger.debug("%d prompts -> %d texts", len(prompts), len(texts))
        if num_return_sequences is None:
            return texts
        return [texts[i : i + n] for i in range(0, len(texts), n)]

    def answer(self, *questions: str) -> list[float]:
        prompts = [self.format_prompt(q) for q in questions]
        answers = [self.parse_answer(g) for g in self.batched_generate(prompts)]
        missing = sum(a != a for a in answers)
        if missing:
            logger.info("%d of %d generations hold no answer", missing, len(answers))
        return answers


def test_model():
    llm = BaseLLM()
    for prompt in ["The cat went up", "The dog went down"]:
        logger.info("%r -> %r", prompt, llm.generate(prompt))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["test"])
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args()
    setup_logging(options.verbose)
    test_model()
