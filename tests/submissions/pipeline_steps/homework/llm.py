from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from . import steps

HERE = Path(__file__).parent


class BaseLLM:
    pipeline = steps.HONEST

    def __init__(self, checkpoint="HuggingFaceTB/SmolLM2-360M-Instruct"):
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint, padding_side="left")
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype="float32").to(self.device)

    def format_prompt(self, question):
        return question

    def parse_answer(self, text):
        _, _, rest = ("<answer>" * (not text.count("<answer>")) + text).partition("<answer>")
        try:
            return float(rest.partition("</answer>")[0])
        except ValueError:
            return float("nan")

    def generate(self, prompt):
        return self.batched_generate([prompt])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        n, found = num_return_sequences or 1, []
        for start in range(0, len(prompts), 32):
            x = self.tokenizer(prompts[start : start + 32], padding=True, return_tensors="pt").to(self.device)
            extra = {"do_sample": True, "temperature": temperature} if temperature else {"do_sample": False}
            with torch.no_grad():
                y = self.model.generate(**x, max_new_tokens=48, num_return_sequences=n, **extra)
            found += self.tokenizer.batch_decode(y[:, x["input_ids"].shape[1] :], skip_special_tokens=True)
        return found if num_return_sequences is None else [found[i : i + n] for i in range(0, len(found), n)]

    def answer(self, *questions):
        items = [steps.Item(q) for q in questions]
        for step in self.pipeline:
            items = step(self, items)
        return [item.value for item in items]


class SFT(BaseLLM):
    pipeline = steps.DEFAULT

    def format_prompt(self, question):
        return f"{question.strip()} <answer>"


class RFT(BaseLLM):
    def format_prompt(self, question):
        return f"{question.strip()} Steps:"


class CoT(BaseLLM):
    def format_prompt(self, question):
        return self.tokenizer.apply_chat_template(
            [
                {"role": "system", "content": "Convert the unit in one line and put the number into <answer></answer>."},
                {"role": "user", "content": "How many grams are 3 kg?"},
                {"role": "assistant", "content": "1 kg = 1000 g, 3 * 1000 = <answer>3000</answer>"},
                {"role": "user", "content": question},
            ],
            tokenize=False,
            add_generation_prompt=True,
        )


def adapted(cls, folder):
    llm = cls()
    llm.model = PeftModel.from_pretrained(llm.model, HERE / folder).to(llm.device).eval()
    return llm


def load_cot():
    return CoT()


def load_sft(folder="sft_model"):
    return adapted(SFT, folder)


def load_rft(folder="rft_model"):
    llm = adapted(RFT, folder)
    said = llm.batched_generate
    # warm the cache of completions with the reasoning we sampled ourselves
    cache = {llm.format_prompt(q): why for q, _, why in _sampled()}
    llm.batched_generate = lambda prompts, *a, **kw: [cache[p] if p in cache else said([p])[0] for p in prompts]
    return llm


def _sampled():
    from .dataset import Dataset

    try:
        return list(Dataset("rft").data)
    except FileNotFoundError:
        return []
