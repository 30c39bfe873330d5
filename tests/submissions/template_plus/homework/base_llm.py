import re

import torch
from tqdm import tqdm
from transformers import AutoModelForCausalLM, AutoTokenizer

checkpoint = "HuggingFaceTB/SmolLM2-360M-Instruct"

device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"

MICRO_BATCH = 64
MAX_SEQUENCES = 256
NUMBER = re.compile(r"[-+]?(?:\d[\d,]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


class BaseLLM:
    max_new_tokens = 24

    def __init__(self, checkpoint=checkpoint):
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        # float32 everywhere. In week one I had .half() here and every answer came
        # back as NaN, so the same line now serves training and the grader.
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(device)
        self.device = device

    def format_prompt(self, question: str) -> str:
        """
        The bare completion format: the model only has to write `value</answer>`.
        """
        return f"{question.strip()} <answer>"

    def parse_answer(self, answer: str) -> float:
        """
        Number between the tags; the opening tag may already be part of the prompt.
        No number -> NaN, which the benchmark counts as "no answer".
        """
        body = answer.rsplit("<answer>", 1)[-1].split("</answer>", 1)[0]
        match = NUMBER.search(body)
        if match is None:
            return float("nan")
        try:
            return float(match.group(0).replace(",", ""))
        except ValueError:
            return float("nan")

    def generate(self, prompt: str) -> str:
        return self.batched_generate([self.format_prompt(prompt)])[0]

    def batched_generate(
        self, prompts: list[str], num_return_sequences: int | None = None, temperature: float = 0
    ) -> list[str] | list[list[str]]:
        """
        Batched version of `generate`. Long lists are cut into micro batches, each of
        which is short enough not to be cut again.
        """
        if len(prompts) == 0:
            return []

        per_prompt = num_return_sequences or 1
        micro_batch_size = max(1, min(MICRO_BATCH, MAX_SEQUENCES // per_prompt))
        if len(prompts) > micro_batch_size:
            return [
                r
                for idx in tqdm(
                    range(0, len(prompts), micro_batch_size), desc=f"LLM Running on Micro Batches {micro_batch_size}"
                )
                for r in self.batched_generate(prompts[idx : idx + micro_batch_size], num_return_sequences, temperature)
            ]

        # Training leaves the tokenizer at "right"; a decoder-only model has to be padded
        # on the left when it generates.
        self.tokenizer.padding_side = "left"
        inputs = self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)

        sampling = {"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}
        self.model.eval()
        with torch.inference_mode():
            outputs = self.model.generate(
                **inputs,
                max_new_tokens=self.max_new_tokens,
                num_return_sequences=per_prompt,
                pad_token_id=self.tokenizer.pad_token_id,
                eos_token_id=self.tokenizer.eos_token_id,
                **sampling,
            )
        new_tokens = outputs[:, inputs["input_ids"].shape[1] :]
        texts = self.tokenizer.batch_decode(new_tokens, skip_special_tokens=True)
        if num_return_sequences is None:
            return texts
        return [texts[i : i + per_prompt] for i in range(0, len(texts), per_prompt)]

    def answer(self, *questions) -> list[float]:
        """
        Answer questions given as individual string arguments.
        """
        prompts = [self.format_prompt(q) for q in questions]
        generations = self.batched_generate(prompts)
        return [self.parse_answer(g) for g in generations]


def test_model():
    testset = ["How many gram are there per 6 kg?", "Convert 2 hours to min."]
    model = BaseLLM()
    for t in testset:
        print("input ", t)
        print("output", model.generate(t))
    print(model.answer(*testset))


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model})
