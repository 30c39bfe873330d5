import re
from contextlib import contextmanager

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

CHECKPOINT = "HuggingFaceTB/SmolLM2-360M-Instruct"
_NUM = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?", re.I)


def pick_device() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("cpu")


@contextmanager
def padding(tokenizer, side: str):
    """Pad on ``side`` inside the block and as before afterwards."""
    before = tokenizer.padding_side
    tokenizer.padding_side = side
    try:
        yield tokenizer
    finally:
        tokenizer.padding_side = before


@contextmanager
def mode(model, *, training: bool):
    before = model.training
    model.train(training)
    try:
        yield model
    finally:
        model.train(before)


class BaseLLM:
    max_new_tokens = 40
    chunk = 64

    def __init__(self, checkpoint: str = CHECKPOINT):
        self.device = pick_device()
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint, padding_side="left")
        self.tokenizer.pad_token = self.tokenizer.pad_token or self.tokenizer.eos_token
        # Weights are float32 everywhere, in training, too; autocast decides about the products.
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(self.device).eval()

    def format_prompt(self, question: str) -> str:
        return question.strip() + " <answer>"

    def parse_answer(self, answer: str) -> float:
        head, closed, _ = answer.partition("</answer>")
        body = head.rpartition("<answer>")[2]
        found = _NUM.search(body)
        if found is None:
            return float("nan")
        return float(found[0].replace(",", ""))

    def generate(self, prompt: str) -> str:
        (text,) = self.batched_generate([prompt])
        return text

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        prompts = list(prompts)
        produced = [
            group
            for start in range(0, len(prompts), self.chunk)
            for group in self._sample(prompts[start : start + self.chunk], num_return_sequences or 1, temperature)
        ]
        return produced if num_return_sequences is not None else [group[0] for group in produced]

    def _sample(self, prompts, count, temperature):
        """One group of texts a prompt. Halves the batch when memory runs out; a single prompt that does not fit raises."""
        try:
            return self._sample_at_once(prompts, count, temperature)
        except torch.cuda.OutOfMemoryError:
            if len(prompts) == 1:
                raise
        torch.cuda.empty_cache()
        middle = len(prompts) // 2
        return self._sample(prompts[:middle], count, temperature) + self._sample(prompts[middle:], count, temperature)

    @torch.inference_mode()
    def _sample_at_once(self, prompts, count, temperature):
        with padding(self.tokenizer, "left") as tokenizer, mode(self.model, training=False) as model:
            batch = tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)
            options = dict(max_new_tokens=self.max_new_tokens, pad_token_id=tokenizer.pad_token_id)
            options |= dict(do_sample=True, temperature=temperature) if temperature > 0 else dict(do_sample=False)
            out = model.generate(**batch, **options, num_return_sequences=count, eos_token_id=tokenizer.eos_token_id)
            texts = tokenizer.batch_decode(out[:, batch["input_ids"].size(1) :], skip_special_tokens=True)
        return [texts[i : i + count] for i in range(0, len(texts), count)]

    def answer(self, *questions) -> list[float]:
        texts = self.batched_generate(self.format_prompt(q) for q in questions)
        return [self.parse_answer(t) for t in texts]


def test_model():
    llm = BaseLLM()
    print(llm.generate("The cat went up"))
    print(llm.batched_generate(["The cat went up", "The dog went down"]))


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model})
