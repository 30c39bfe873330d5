import re

import torch
from tqdm import tqdm
from transformers import AutoModelForCausalLM, AutoTokenizer

from .config import ModelConfig


class BaseLLM:
    ANSWER = re.compile(r"<answer>([^<]*)</answer>")

    def __init__(self, checkpoint: str | None = None, config: ModelConfig | None = None):
        self.config = config or ModelConfig()
        checkpoint = checkpoint or self.config.checkpoint
        self.device = self.config.resolved_device()
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.tokenizer.padding_side = "left"
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(self.device)

    def format_prompt(self, question: str) -> str:
        return question.strip()

    def parse_answer(self, text: str) -> float:
        found = self.ANSWER.search(text)
        cleaned = re.sub(r"[^0-9eE+\-.]", "", found.group(1)) if found else ""
        try:
            return float(cleaned)
        except ValueError:
            return float("nan")

    def generate(self, prompt: str) -> str:
        return self.batched_generate([prompt])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        size = self.config.micro_batch_size
        if len(prompts) > size:
            chunks = [prompts[i : i + size] for i in range(0, len(prompts), size)]
            return [
                text
                for chunk in tqdm(chunks, desc=f"micro batches of {size}")
                for text in self.batched_generate(chunk, num_return_sequences, temperature)
            ]
        self.tokenizer.padding_side = "left"
        batch = self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)
        options = {"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}
        options |= {"max_new_tokens": self.config.max_new_tokens, "num_return_sequences": num_return_sequences or 1}
        with torch.no_grad():
            generated = self.model.generate(**batch, **options, pad_token_id=self.tokenizer.pad_token_id)
        texts = self.tokenizer.batch_decode(generated[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
        if num_return_sequences is None:
            return texts
        return [texts[i : i + num_return_sequences] for i in range(0, len(texts), num_return_sequences)]

    def answer(self, *questions) -> list[float]:
        generations = self.batched_generate([self.format_prompt(q) for q in questions])
        return [self.parse_answer(g) for g in generations]


def test_model():
    llm = BaseLLM()
    print(llm.batched_generate(["The cat went up", "The dog went down"]))


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model})
