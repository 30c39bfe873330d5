import itertools as it

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

checkpoint = "HuggingFaceTB/SmolLM2-360M-Instruct"
device = "cuda" if torch.cuda.is_available() else "cpu"


def chunks(seq, n):
    """chunks('abcde', 2) -> ['ab', 'cd', 'e']"""
    seq = list(seq)
    return (seq[i:i + n] for i in range(0, len(seq), n))


class BaseLLM:
    max_batch = 32

    def __init__(self, checkpoint=checkpoint):
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint).to(device)
        self.device = device

    def format_prompt(self, question):
        return f"{question.strip()} <answer>"

    def parse_answer(self, answer):
        before, _, _ = answer.partition("</answer>")
        try:
            return float(before.rpartition("<answer>")[2])
        except ValueError:
            return float("nan")

    def generate(self, prompt):
        return self.batched_generate([prompt])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        if len(prompts) >= self.max_batch:
            parts = (
                self.batched_generate(part, num_return_sequences, temperature)
                for part in chunks(prompts, self.max_batch)
            )
            return list(it.chain.from_iterable(parts))
        return self._group(self._decode(self._encode(prompts), num_return_sequences, temperature), num_return_sequences)

    def _encode(self, prompts):
        self.tokenizer.padding_side = "left"
        texts = [self.format_prompt(p) for p in prompts]
        return self.tokenizer(texts, padding=True, return_tensors="pt").to(self.device)

    def _decode(self, enc, n, temperature):
        sampling = dict(do_sample=True, temperature=temperature) if temperature > 0 else dict(do_sample=False)
        with torch.no_grad():
            ids = self.model.generate(
                **enc, **sampling, num_return_sequences=n or 1, max_new_tokens=50,
                pad_token_id=self.tokenizer.eos_token_id,
            )
        return self.tokenizer.batch_decode(ids[:, enc["input_ids"].shape[1]:], skip_special_tokens=True)

    @staticmethod
    def _group(texts, n):
        return texts if n is None else list(chunks(texts, n))

    def answer(self, *questions):
        prompts = [self.format_prompt(q) for q in questions]
        return [self.parse_answer(g) for g in self.batched_generate(prompts)]


def test_model():
    llm = BaseLLM()
    for t in ["The cat went up", "The dog went down"]:
        print(t, "->", llm.generate(t))


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model})
