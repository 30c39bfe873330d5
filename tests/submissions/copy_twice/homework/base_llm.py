import re

import torch
from tqdm import tqdm
from transformers import AutoModelForCausalLM, AutoTokenizer

checkpoint = "HuggingFaceTB/SmolLM2-360M-Instruct"

device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"


class BaseLLM:
    def __init__(self, checkpoint=checkpoint):
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.tokenizer.padding_side = "left"
        # self.model = AutoModelForCausalLM.from_pretrained(checkpoint).half().to(device)
        # ^ NO. half made all the answers nan after the sft training, took me two days
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint).to(device)
        self.device = device

    def format_prompt(self, question: str) -> str:
        return question.strip()

    def parse_answer(self, answer: str) -> float:
        try:
            inside = answer.split("<answer>")[1].split("</answer>")[0]
            inside = inside.replace(",", "").replace("$", "")
            inside = re.sub(r"[a-zA-Z/^]+\s*$", "", inside.strip())  # "6000 grams" -> "6000"
            return float(inside)
        except (IndexError, ValueError):
            return float("nan")

    def generate(self, prompt: str) -> str:
        return self.batched_generate([prompt])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        # do not run out of memory: micro batches of 32
        micro_batch_size = 32
        if len(prompts) > micro_batch_size:
            return [
                r
                for idx in tqdm(
                    range(0, len(prompts), micro_batch_size), desc=f"LLM Running on Micro Batches {micro_batch_size}"
                )
                for r in self.batched_generate(prompts[idx : idx + micro_batch_size], num_return_sequences, temperature)
            ]

        self.tokenizer.padding_side = "left"
        inputs = self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)
        # print("DEBUG shapes", inputs["input_ids"].shape)

        gen_kwargs = {
            "max_new_tokens": 96,
            "pad_token_id": self.tokenizer.pad_token_id or self.tokenizer.eos_token_id,
            "eos_token_id": self.tokenizer.eos_token_id,
        }
        if temperature > 0:
            gen_kwargs.update(do_sample=True, temperature=temperature)
        else:
            gen_kwargs["do_sample"] = False
        if num_return_sequences is not None:
            gen_kwargs["num_return_sequences"] = num_return_sequences

        with torch.no_grad():
            outputs = self.model.generate(**inputs, **gen_kwargs)

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
    model = BaseLLM()
    for t in ["The cat went up", "The dog went down"]:
        print("input", t, "output", model.generate(t))
    print(model.answer("How many gram are there per 6 kg?"))


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model})
