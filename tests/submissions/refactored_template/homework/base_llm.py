import logging
import re
from typing import Optional, Union

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

logger = logging.getLogger(__name__)

checkpoint = "HuggingFaceTB/SmolLM2-360M-Instruct"

if torch.cuda.is_available():
    device = "cuda"
elif torch.backends.mps.is_available():
    device = "mps"
else:
    device = "cpu"

ANSWER_RE = re.compile(r"(?:<answer>)?\s*(-?[\d.,]+(?:e[+-]?\d+)?)\s*</answer>", re.IGNORECASE)


def to_number(text: Optional[str], default: float = 0.0) -> float:
    """Turn '1,234.5' into 1234.5."""
    if not text:
        return default
    try:
        return float(text.replace(",", "").rstrip("."))
    except ValueError:
        logger.warning("could not read %r", text)
        return default


class BaseLLM:
    def __init__(self, checkpoint: str = checkpoint):
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.tokenizer.pad_token = self.tokenizer.pad_token or self.tokenizer.eos_token
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(device)
        self.device = device

    def format_prompt(self, question: str) -> str:
        """question -> what the model sees (same text in sft.format_example)"""
        return question.strip() + " <answer>"

    def parse_answer(self, answer: str) -> float:
        match = ANSWER_RE.search(answer)
        return to_number(match.group(1) if match else None)

    def generate(self, prompt: str) -> str:
        return self.batched_generate([prompt])[0]

    def batched_generate(
        self,
        prompts: list[str],
        num_return_sequences: Optional[int] = None,
        temperature: float = 0,
    ) -> Union[list[str], list[list[str]]]:
        from tqdm import tqdm

        micro_batch_size = 32
        if len(prompts) > micro_batch_size:
            batches = range(0, len(prompts), micro_batch_size)
            return [
                r
                for idx in tqdm(batches, desc=f"LLM Running on Micro Batches {micro_batch_size}")
                for r in self.batched_generate(prompts[idx : idx + micro_batch_size], num_return_sequences, temperature)
            ]

        self.tokenizer.padding_side = "left"
        texts = [self.format_prompt(p) for p in prompts]
        inputs = self.tokenizer(texts, padding=True, return_tensors="pt").to(self.device)

        generate_kwargs = {
            "max_new_tokens": 50,
            "do_sample": temperature > 0,
            "num_return_sequences": num_return_sequences or 1,
            "pad_token_id": self.tokenizer.pad_token_id,
        }
        if temperature > 0:
            generate_kwargs["temperature"] = temperature

        with torch.no_grad():
            outputs = self.model.generate(**inputs, **generate_kwargs)

        completions = self.tokenizer.batch_decode(outputs[:, inputs.input_ids.shape[1] :], skip_special_tokens=True)
        if num_return_sequences is None:
            return completions
        return [
            completions[i : i + num_return_sequences] for i in range(0, len(completions), num_return_sequences)
        ]

    def answer(self, *questions) -> list[float]:
        prompts = [self.format_prompt(q) for q in questions]
        generations = self.batched_generate(prompts)
        return [self.parse_answer(g) for g in generations]


def test_model():
    testset = ["The cat went up", "The dog went down"]
    model = BaseLLM()
    for t in testset:
        print("input", t)
        print("output", model.generate(t))
    print(model.batched_generate(testset))


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model})
