from typing import Any, Sequence, overload

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

checkpoint = "HuggingFaceTB/SmolLM2-360M-Instruct"

device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"

# keyword arguments for the hub, in one place
HUB: dict[str, dict[str, Any]] = {
    "tokenizer": {"use_fast": True, "padding_side": "right", "model_max_length": 512},
    "model": {"low_cpu_mem_usage": True},
}


class BaseLLM:
    def __init__(self, checkpoint: str = checkpoint):
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint, **HUB["tokenizer"])
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, **HUB["model"]).to(device)
        self.device = device

    def format_prompt(self, question: str) -> str:
        return f"{question.strip()} <answer>"

    def parse_answer(self, answer: str) -> float:
        """Parse the <answer></answer> tag; NaN if there is none."""
        try:
            return float(answer.split("<answer>")[-1].split("</answer>")[0])
        except ValueError:
            return float("nan")

    def generate(self, prompt: str) -> str:
        return self.batched_generate([self.format_prompt(prompt)])[0]

    @overload
    def batched_generate(
        self, prompts: list[str], num_return_sequences: None = None, temperature: float = 0
    ) -> list[str]: ...

    @overload
    def batched_generate(
        self, prompts: list[str], num_return_sequences: int, temperature: float = 0
    ) -> list[list[str]]: ...

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        micro_batch_size = 32
        if len(prompts) > micro_batch_size:
            return [
                r
                for idx in range(0, len(prompts), micro_batch_size)
                for r in self.batched_generate(
                    prompts[idx : idx + micro_batch_size], num_return_sequences, temperature
                )
            ]

        inputs = self.tokenizer(list(prompts), padding=True, return_tensors="pt").to(self.device)
        with torch.inference_mode():
            out = self.model.generate(
                **inputs,
                max_new_tokens=50,
                do_sample=temperature > 0,
                temperature=temperature if temperature > 0 else None,
                num_return_sequences=num_return_sequences or 1,
                pad_token_id=self.tokenizer.eos_token_id,
            )
        new = out[:, inputs["input_ids"].shape[1] :]
        decoded = self.tokenizer.batch_decode(new, skip_special_tokens=True)
        if num_return_sequences is None:
            return decoded
        it = iter(decoded)
        return [list(group) for group in zip(*[it] * num_return_sequences)]

    def answer(self, *questions: str) -> list[float]:
        generations = self.batched_generate([self.format_prompt(q) for q in questions])
        return [self.parse_answer(g) for g in generations]


def test_model():
    testset: Sequence[str] = ["The cat went up", "The dog went down"]
    model = BaseLLM()
    for t in testset:
        print("input", t, "->", model.generate(t))
    print(model.batched_generate(list(testset)))


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model})
