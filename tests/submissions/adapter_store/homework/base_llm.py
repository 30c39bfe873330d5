import re

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

checkpoint = "HuggingFaceTB/SmolLM2-360M-Instruct"


class BaseLLM:
    TAG = re.compile(r"<answer>(.*?)(?:</answer>|$)", re.S)

    def __init__(self, checkpoint=checkpoint):
        if torch.cuda.is_available():
            self.device = "cuda"
        elif torch.backends.mps.is_available():
            self.device = "mps"
        else:
            self.device = "cpu"
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.tokenizer.padding_side = "left"
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(self.device)

    def format_prompt(self, question):
        return question.strip()

    def parse_answer(self, text):
        found = self.TAG.findall(text)
        if not found:
            return float("nan")
        try:
            return float(found[-1].strip().replace(",", ""))
        except ValueError:
            return float("nan")

    def generate(self, prompt):
        return self.batched_generate([self.format_prompt(prompt)])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        texts = []
        for i in range(0, len(prompts), 50):
            enc = self.tokenizer(prompts[i:i + 50], padding=True, return_tensors="pt").to(self.device)
            extra = {"do_sample": False}
            if temperature > 0:
                extra = {"do_sample": True, "temperature": temperature}
            if num_return_sequences:
                extra["num_return_sequences"] = num_return_sequences
            with torch.no_grad():
                gen = self.model.generate(
                    **enc, max_new_tokens=70, pad_token_id=self.tokenizer.eos_token_id, **extra
                )
            texts.extend(self.tokenizer.batch_decode(gen[:, enc["input_ids"].shape[1]:], skip_special_tokens=True))
        if num_return_sequences is None:
            return texts
        k = num_return_sequences
        return [texts[j * k:(j + 1) * k] for j in range(len(prompts))]

    def answer(self, *questions):
        prompts = [self.format_prompt(q) for q in questions]
        return [self.parse_answer(t) for t in self.batched_generate(prompts)]
