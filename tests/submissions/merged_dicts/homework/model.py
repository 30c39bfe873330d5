import re

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from . import config

DEVICE = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")


class BaseLLM:
    prompt = "{question}"

    def __init__(self, checkpoint=config.CHECKPOINT):
        self.device = DEVICE
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint, **config.TOKENIZER)
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, **{"dtype": torch.float32}).to(DEVICE)

    def format_prompt(self, question):
        return self.prompt.format(question=question.strip())

    def parse_answer(self, text):
        hit = re.search(r"<answer>\s*([-+.\deE,]+?)\s*</answer>", text)
        try:
            return float(hit.group(1).replace(",", ""))
        except (AttributeError, ValueError):
            return float("nan")

    def generate(self, prompt):
        return self.batched_generate([prompt]).pop()

    @torch.no_grad()
    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        how = config.GENERATION | ({"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False})
        if num_return_sequences is not None:
            how |= {"num_return_sequences": num_return_sequences}
        texts = []
        for i in range(0, len(prompts), 50):
            x = self.tokenizer(prompts[i : i + 50], padding=True, return_tensors="pt").to(DEVICE)
            y = self.model.generate(**x, **how)
            texts.extend(self.tokenizer.batch_decode(y[:, x["input_ids"].shape[-1] :], skip_special_tokens=True))
        if num_return_sequences is None:
            return texts
        return [texts[i : i + num_return_sequences] for i in range(0, len(texts), num_return_sequences)]

    def answer(self, *questions):
        return [*map(self.parse_answer, self.batched_generate([*map(self.format_prompt, questions)]))]


class TagGiven(BaseLLM):
    """The prompt ends with the opening tag."""

    prompt = "{question} <answer>"

    def parse_answer(self, text):
        return super().parse_answer("<answer>" + text)


class Reasons(BaseLLM):
    prompt = "{question}\n"


KINDS = {"sft": TagGiven, "rft": Reasons}
