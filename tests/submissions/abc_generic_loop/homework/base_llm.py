import re
import sys
from typing import ClassVar

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

CHECKPOINT = "HuggingFaceTB/SmolLM2-360M-Instruct"
_ANSWER = re.compile(r"^\s*(?:.*<answer>)?\s*(-?\d+(?:\.\d+)?(?:e[-+]?\d+)?)\s*</answer>", re.S | re.I)


class BaseLLM:
    token_budget: ClassVar[int] = 20
    sequence_budget: ClassVar[int] = 320

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase

    def __init__(self, checkpoint: str = CHECKPOINT) -> None:
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint, padding_side="left")
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(self.device).eval()

    def format_prompt(self, question: str) -> str:
        return f"{question.strip()} <answer>"

    def parse_answer(self, text: str) -> float:
        found = _ANSWER.search(text)
        return float(found.group(1)) if found else float("nan")

    def generate(self, prompt: str) -> str:
        return self.batched_generate([self.format_prompt(prompt)])[0]

    def batched_generate(
        self, prompts: list[str], num_return_sequences: int | None = None, temperature: float = 0
    ) -> list[str] | list[list[str]]:
        groups = self._halving(list(prompts), num_return_sequences or 1, temperature)
        return groups if num_return_sequences else [g[0] for g in groups]

    def _halving(self, prompts: list[str], n: int, temperature: float) -> list[list[str]]:
        """
        Splits in two until a part fits the budget, or until the card accepts it. A part
        of one prompt is never split: if that does not fit, the error is the caller's.
        """
        if not prompts:
            return []
        if len(prompts) > 1 and len(prompts) * n > self.sequence_budget:
            middle = len(prompts) // 2
            return self._halving(prompts[:middle], n, temperature) + self._halving(prompts[middle:], n, temperature)
        try:
            return self._forward(prompts, n, temperature)
        except torch.cuda.OutOfMemoryError:
            if len(prompts) == 1:
                raise
        torch.cuda.empty_cache()
        middle = len(prompts) // 2
        return self._halving(prompts[:middle], n, temperature) + self._halving(prompts[middle:], n, temperature)

    @torch.inference_mode()
    def _forward(self, prompts: list[str], n: int, temperature: float) -> list[list[str]]:
        was_training = self.model.training
        self.model.eval()
        batch = self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)
        how = dict(do_sample=True, temperature=temperature) if temperature > 0 else dict(do_sample=False)
        how.update(num_return_sequences=n, max_new_tokens=self.token_budget, pad_token_id=self.tokenizer.pad_token_id)
        out = self.model.generate(**batch, **how)
        self.model.train(was_training)
        texts = self.tokenizer.batch_decode(out[:, batch["input_ids"].size(1) :], skip_special_tokens=True)
        return [texts[i : i + n] for i in range(0, len(texts), n)]

    def answer(self, *questions: str) -> list[float]:
        return [self.parse_answer(t) for t in self.batched_generate([self.format_prompt(q) for q in questions])]


if __name__ == "__main__" and sys.argv[1:] == ["test"]:
    llm = BaseLLM()
    for q in ("How many g are 3 kg?", "Express 4 days as a quantity of hours."):
        print(q, "->", repr(llm.generate(q)), llm.answer(q))
