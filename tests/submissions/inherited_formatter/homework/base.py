"""The language model."""

import re

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


class Formatter:
    """How a question is put to the model."""

    TAG = "<answer>"
    opening = ""

    def format_prompt(self, question):
        return question.strip() + self.opening

    def parse_answer(self, text):
        """:returns: the number, ``nan`` if there is none"""
        hit = re.search(rf"(?:{self.TAG})?\s*(-?\d[\d.e+-]*)\s*</answer>", text)
        try:
            return float(hit.group(1)) if hit else float("nan")
        except ValueError:
            return float("nan")


class BaseLLM(Formatter):
    """
    :param checkpoint: a name on the hub or a folder
    """

    def __init__(self, checkpoint="HuggingFaceTB/SmolLM2-360M-Instruct"):
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(self.device)

    def generate(self, prompt):
        return self.batched_generate([prompt])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        self.tokenizer.padding_side = "left"
        self.tokenizer.pad_token = self.tokenizer.pad_token or self.tokenizer.eos_token
        out = []
        for block in (prompts[i : i + 32] for i in range(0, len(prompts), 32)):
            encoded = self.tokenizer(block, return_tensors="pt", padding=True).to(self.device)
            with torch.no_grad():
                if temperature > 0:
                    ids = self.model.generate(
                        **encoded, max_new_tokens=50, do_sample=True, temperature=temperature, num_return_sequences=num_return_sequences or 1
                    )
                else:
                    ids = self.model.generate(**encoded, max_new_tokens=50, do_sample=False)
            out.extend(self.tokenizer.batch_decode(ids[:, encoded.input_ids.shape[1] :], skip_special_tokens=True))
        if num_return_sequences is None:
            return out
        per = len(out) // len(prompts)
        return [out[i * per : (i + 1) * per] for i in range(len(prompts))]

    def answer(self, *questions):
        return [self.parse_answer(text) for text in self.batched_generate([self.format_prompt(q) for q in questions])]
