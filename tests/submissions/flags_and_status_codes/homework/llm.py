# llm.py - the model and its adapters.

import os

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from .defs import CHECKPOINT, F_CHAT, PKGDIR, ST_BASE, ST_COT, ST_FLAGS, ST_NAME, ST_RFT, ST_ROOM, ST_SFT
from .strutil import magnitude, mkprompt, scan_value, settle

SHOT_Q = ("How many gram are there per 6 kg?", "What is 2 h in min?")
SHOT_A = (
    "1 kg = 1000 gram. 6 * 1000 = <answer>6000</answer>",
    "1 h = 60 min. 2 * 60 = <answer>120</answer>",
)


class BaseLLM:
    def __init__(self, checkpoint=CHECKPOINT, stage=ST_BASE):
        self.stage = stage
        self.flags = ST_FLAGS[stage]
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.tokenizer.pad_token = self.tokenizer.eos_token
        self.tokenizer.padding_side = "left"
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
        self.model.to(self.device)

    def format_prompt(self, question):
        if self.flags & F_CHAT:
            msg = [{"role": "system", "content": "Convert units, short. Result in <answer></answer>."}]
            for i in range(len(SHOT_Q)):
                msg.append({"role": "user", "content": SHOT_Q[i]})
                msg.append({"role": "assistant", "content": SHOT_A[i]})
            msg.append({"role": "user", "content": question})
            return self.tokenizer.apply_chat_template(msg, tokenize=False, add_generation_prompt=True)
        return mkprompt(question, self.flags)

    def parse_answer(self, text):
        return scan_value(text)

    def generate(self, prompt):
        return self.batched_generate([self.format_prompt(prompt)])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        k = 1 if num_return_sequences is None else num_return_sequences
        step = max(1, 64 // k)
        out = []
        i = 0
        while i < len(prompts):
            enc = self.tokenizer(prompts[i : i + step], padding=True, return_tensors="pt").to(self.device)
            n = enc["input_ids"].shape[1]
            opt = {"max_new_tokens": ST_ROOM[self.stage], "num_return_sequences": k}
            opt["pad_token_id"] = self.tokenizer.pad_token_id
            opt["do_sample"] = temperature > 0
            if temperature > 0:
                opt["temperature"] = temperature
            with torch.no_grad():
                t = self.model.generate(**enc, **opt)
            out += self.tokenizer.batch_decode(t[:, n:], skip_special_tokens=True)
            i += step
        if num_return_sequences is None:
            return out
        return [out[j : j + k] for j in range(0, len(out), k)]

    def answer(self, *questions):
        n = len(questions)
        p = [None] * n
        for i in range(n):
            p[i] = self.format_prompt(questions[i])
        t = self.batched_generate(p)
        x = [0.0] * n
        for i in range(n):
            x[i] = settle(self.parse_answer(t[i]), magnitude(questions[i]))
        return x


def adapter_dir(stage, path=None):
    return path if path is not None else os.path.join(PKGDIR, ST_NAME[stage] + "_output")


def have_adapter(path):
    for f in ("adapter_model.safetensors", "adapter_model.bin"):
        if os.access(os.path.join(path, f), os.R_OK):
            return 1
    return 0


def llm_open(stage, path=None):
    path = adapter_dir(stage, path)
    if not have_adapter(path):
        raise FileNotFoundError(path)
    m = BaseLLM(stage=stage)
    m.model = PeftModel.from_pretrained(m.model, path)
    m.model.to(m.device)
    m.model.eval()
    return m


def load_cot():
    return BaseLLM(stage=ST_COT)


def load_sft():
    return llm_open(ST_SFT)


def load_rft():
    return llm_open(ST_RFT)
