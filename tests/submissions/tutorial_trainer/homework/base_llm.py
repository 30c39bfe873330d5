import re

import torch
from tqdm import tqdm
from transformers import AutoModelForCausalLM, AutoTokenizer

checkpoint = "HuggingFaceTB/SmolLM2-360M-Instruct"

if torch.cuda.is_available():
    device = "cuda"
elif torch.backends.mps.is_available():
    device = "mps"
else:
    device = "cpu"


class BaseLLM:
    def __init__(self, checkpoint=checkpoint):
        # Step 1: the tokenizer turns text into numbers
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        # Step 2: the model itself. I tried half precision first, to save memory:
        # self.model = AutoModelForCausalLM.from_pretrained(checkpoint, torch_dtype=torch.float16).to(device)
        # but the adapter then gave me only nan, so the base stays in float32 everywhere (training AND testing).
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(device)
        self.device = device

    def format_prompt(self, question: str) -> str:
        """
        The question is what the model sees. It has learnt to continue it with <answer>...</answer>.
        """
        return question

    def parse_answer(self, answer: str) -> float:
        """
        Take what stands between the tags, nan if there is nothing that can be read as a number.
        """
        # return 0.0 was my first version here, but then answer_rate says 1.0 for an untrained model
        found = re.search(r"<answer>\s*([-+0-9.eE,]+)", answer)
        if found is None:
            return float("nan")
        try:
            return float(found.group(1).replace(",", ""))
        except ValueError:
            return float("nan")

    def generate(self, prompt: str) -> str:
        return self.batched_generate([self.format_prompt(prompt)])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        # Large batches do not fit on my laptop, so split them and call this function for every part.
        micro_batch_size = 32
        if len(prompts) > micro_batch_size:
            return [
                r
                for i in tqdm(range(0, len(prompts), micro_batch_size), desc=f"Generating ({micro_batch_size})")
                for r in self.batched_generate(prompts[i : i + micro_batch_size], num_return_sequences, temperature)
            ]

        # Padding must be on the left when generating, otherwise the model continues the padding!
        self.tokenizer.padding_side = "left"
        inputs = self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)

        # do_sample only if there is a temperature
        sampling = {"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}
        with torch.inference_mode():
            outputs = self.model.generate(
                **inputs,
                max_new_tokens=80,
                num_return_sequences=num_return_sequences or 1,
                eos_token_id=self.tokenizer.eos_token_id,
                pad_token_id=self.tokenizer.eos_token_id,
                **sampling,
            )

        # only the new tokens
        new_tokens = outputs[:, inputs["input_ids"].shape[1] :]
        texts = self.tokenizer.batch_decode(new_tokens, skip_special_tokens=True)
        if num_return_sequences is None:
            return texts
        return [texts[i : i + num_return_sequences] for i in range(0, len(texts), num_return_sequences)]

    def answer(self, *questions) -> list[float]:
        prompts = [self.format_prompt(q) for q in questions]
        generations = self.batched_generate(prompts)
        return [self.parse_answer(g) for g in generations]


def test_model():
    testset = ["The cat went up", "The dog went down"]
    model = BaseLLM()
    for t in testset:
        print("testing generate function")
        print("input", t)
        print("output", model.generate(t))
    print(model.answer(*testset))


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model})
