import logging
import re
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

log = logging.getLogger(__name__)

CHECKPOINT = "HuggingFaceTB/SmolLM2-360M-Instruct"
HERE = Path(__file__).resolve().parent
RANKS = {"sft": 8, "rft": 16}


def compute_dtype(device):
    """One dtype for everything, so that training and answering agree."""
    per_device = {"cuda": torch.float16, "mps": torch.float32, "cpu": torch.float32}
    return per_device[device]


class BaseLLM:
    stage = "base"
    room = 60

    def __init__(self, checkpoint=CHECKPOINT):
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint, padding_side="left")
        self.tokenizer.pad_token = self.tokenizer.eos_token
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=compute_dtype(self.device)).to(self.device)

    def format_prompt(self, question):
        return question

    def parse_answer(self, text):
        inside = re.search(r"<answer>(.*?)</answer>", text, re.DOTALL)
        try:
            return float(inside.group(1))
        except (AttributeError, ValueError):
            return float("nan")

    def generate(self, prompt):
        return self.batched_generate([self.format_prompt(prompt)])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        copies = num_return_sequences or 1
        if len(prompts) > 25:
            first = self.batched_generate(prompts[:25], num_return_sequences, temperature)
            return first + self.batched_generate(prompts[25:], num_return_sequences, temperature)
        batch = self.tokenizer(prompts, padding=True, return_tensors="pt").to(self.device)
        options = {"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}
        with torch.inference_mode():
            tokens = self.model.generate(
                **batch,
                max_new_tokens=self.room,
                num_return_sequences=copies,
                pad_token_id=self.tokenizer.pad_token_id,
                **options,
            )
        texts = self.tokenizer.batch_decode(tokens[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
        if num_return_sequences is None:
            return texts
        return [texts[i : i + copies] for i in range(0, len(texts), copies)]

    def answer(self, *questions):
        return [self.parse_answer(t) for t in self.batched_generate([self.format_prompt(q) for q in questions])]


class SFTModel(BaseLLM):
    stage = "sft"
    room = 20

    def format_prompt(self, question):
        return question.strip() + " <answer>"

    def parse_answer(self, text):
        return super().parse_answer("<answer>" + text)


class RFTModel(BaseLLM):
    stage = "rft"
    room = 90

    def format_prompt(self, question):
        return question.strip()


class CoTModel(BaseLLM):
    stage = "cot"
    room = 90

    def format_prompt(self, question):
        messages = [
            {"role": "system", "content": "You convert units. One short line, then <answer>value</answer>."},
            {"role": "user", "content": "How many m are in 3 km?"},
            {"role": "assistant", "content": "1 km = 1000 m. 3 * 1000 = <answer>3000</answer>"},
            {"role": "user", "content": question},
        ]
        return self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)


def lora_for(stage):
    rank = RANKS[stage]
    return LoraConfig(r=rank, lora_alpha=4 * rank, target_modules="all-linear", bias="none", task_type="CAUSAL_LM")


def wear(llm, folder=None):
    """llm with the adapter of its stage, for answering."""
    folder = Path(folder or HERE / f"{llm.stage}_output")
    try:
        llm.model = PeftModel.from_pretrained(llm.model, str(folder))
    except (OSError, ValueError) as problem:
        log.warning("adapter in %s not readable (%s), repairing", folder, problem)
        repaired = get_peft_model(llm.model, lora_for(llm.stage))
        repaired.save_pretrained(str(folder))
        llm.model = repaired
    llm.model.to(llm.device).eval()
    return llm


def load_sft():
    return wear(SFTModel())


def load_rft():
    return wear(RFTModel())


def load_cot():
    return CoTModel()


MODELS = {kind.stage: kind for kind in (SFTModel, RFTModel, CoTModel)}
