#!/usr/bin/env python3
# everything.py -- whole homework in one file so that I can scroll through it
import json, math, os, random, re, sys, time
from functools import lru_cache

import torch
import torch.nn.functional as F
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(os.path.dirname(HERE), "data")
CKPT = "HuggingFaceTB/SmolLM2-360M-Instruct"
DEV = "cuda" if torch.cuda.is_available() else "cpu"
NAN = float("nan")
OPEN, CLOSE = "<answer>", "</answer>"

############################################################ data

class Dataset:
    def __init__(self, split):
        self.rows = json.load(open(os.path.join(DATA, split + ".json")))
    def __len__(self): return len(self.rows)
    def __getitem__(self, i): return self.rows[i]

def is_answer_valid(answer, correct_answer, relative_tolerance=0.05):
    return abs(round(answer, 3) - round(correct_answer, 3)) < relative_tolerance * abs(round(correct_answer, 3))

class BenchmarkResult:
    def __init__(self, accuracy, answer_rate, samples):
        self.accuracy, self.answer_rate, self.samples = accuracy, answer_rate, samples
    @classmethod
    def from_answers(cls, answers, dataset, max_question):
        s = [(q, a, c, is_answer_valid(a, c)) for a, (q, c) in zip(answers, dataset.rows[:max_question])]
        return cls(sum(x[3] for x in s) / len(s), sum(not math.isnan(x[1]) for x in s) / len(s), s)

def benchmark(func, dataset, max_question):
    # the questions AND the right answers come from the file here, func only ever sees the questions
    truth = {q: a for q, a in dataset.rows[:max_question]}
    t0 = time.time()
    asked = [q for q, _ in dataset.rows[:max_question]]
    answers = func.answer(*asked)
    wrong = [(q, a, truth[q]) for q, a in zip(asked, answers) if not is_answer_valid(a, truth[q])]
    print(f"{time.time() - t0:.1f}s, first wrong ones:", wrong[:3])
    return BenchmarkResult.from_answers(answers, dataset, max_question)

############################################################ model

class BaseLLM:
    suffix = ""
    def __init__(self, checkpoint=CKPT):
        self.device = DEV
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).to(DEV)

    def format_prompt(self, question):
        return question.strip() + self.suffix

    def parse_answer(self, text):
        m = re.search(r"(?:<answer>)?\s*(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)\s*</answer>", text)
        return NAN if m is None else float(m.group(1))

    def generate(self, prompt):
        # one prompt, no padding, so the side does not matter
        ids = self.tokenizer(prompt, return_tensors="pt").to(DEV)
        out = self.model.generate(**ids, max_new_tokens=48, do_sample=False)
        return self.tokenizer.decode(out[0, ids["input_ids"].shape[1]:], skip_special_tokens=True)

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        n = num_return_sequences or 1
        if len(prompts) > 1 and len(prompts) * n > 256:      # halves until it fits
            h = len(prompts) // 2
            return (self.batched_generate(prompts[:h], num_return_sequences, temperature)
                    + self.batched_generate(prompts[h:], num_return_sequences, temperature))
        self.tokenizer.padding_side = "left"
        ids = self.tokenizer(prompts, return_tensors="pt", padding=True).to(DEV)
        sampling = dict(do_sample=True, temperature=temperature) if temperature else dict(do_sample=False)
        with torch.no_grad():
            out = self.model.generate(**ids, max_new_tokens=48, num_return_sequences=n, **sampling)
        txt = self.tokenizer.batch_decode(out[:, ids["input_ids"].shape[1]:], skip_special_tokens=True)
        return txt if num_return_sequences is None else [txt[i:i + n] for i in range(0, len(txt), n)]

    def answer(self, *questions):
        # valid.json has doubles, ask the model only once for each. Filled by the model itself, starts empty
        seen = {}
        todo = [q for q in dict.fromkeys(questions)]
        for q, t in zip(todo, self.batched_generate([self.format_prompt(q) for q in todo])):
            seen[q] = self.parse_answer(t)
        return [seen[q] for q in questions]

class SFTModel(BaseLLM): suffix = " " + OPEN
class RFTModel(BaseLLM): suffix = " Let's see:"

class CoTModel(BaseLLM):
    def format_prompt(self, question):
        return self.tokenizer.apply_chat_template([
            dict(role="system", content="Be short. Finish with <answer>NUMBER</answer>"),
            dict(role="user", content="How many g in 2 kg?"),
            dict(role="assistant", content="1 kg = 1000 g, 2*1000 = <answer>2000</answer>"),
            dict(role="user", content=question)], tokenize=False, add_generation_prompt=True)

############################################################ training

def tokenize(tokenizer, question, answer):
    a = tokenizer(question)["input_ids"]
    b = tokenizer(answer)["input_ids"] + [tokenizer.eos_token_id]
    return dict(input_ids=a + b, attention_mask=[1] * len(a + b), labels=[-100] * len(a) + b)

def collate(rows, pad):
    T = max(len(r["input_ids"]) for r in rows)
    def fill(key, with_): return torch.tensor([r[key] + [with_] * (T - len(r[key])) for r in rows])   # right padded
    return dict(input_ids=fill("input_ids", pad), attention_mask=fill("attention_mask", 0), labels=fill("labels", -100))

def sft_row(q, a): return dict(question=q.strip() + SFTModel.suffix, answer="%.5g%s" % (a, CLOSE))
def rft_row(q, a, why): return dict(question=q.strip() + RFTModel.suffix, answer=" " + why)

def loop(llm, rows, out, r, lr, epochs, bs=32):
    llm.model = get_peft_model(llm.model, LoraConfig(r=r, lora_alpha=4 * r, target_modules="all-linear", task_type="CAUSAL_LM"))
    params = [p for p in llm.model.parameters() if p.requires_grad]
    opt = torch.optim.AdamW(params, lr=lr)
    steps = epochs * math.ceil(len(rows) / bs)
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, lr, total_steps=steps)
    llm.model.train()
    amp = torch.autocast(DEV, dtype=torch.bfloat16, enabled=DEV == "cuda" and torch.cuda.is_bf16_supported())
    for ep in range(epochs):
        random.shuffle(rows)
        run = 0.0
        for i in range(0, len(rows), bs):
            batch = {k: v.to(DEV) for k, v in collate(rows[i:i + bs], llm.tokenizer.eos_token_id).items()}
            with amp:
                logits = llm.model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, :-1]
            loss = F.cross_entropy(logits.float().flatten(0, 1), batch["labels"][:, 1:].flatten())
            if not torch.isfinite(loss):
                raise FloatingPointError(f"loss is {loss.item()} at epoch {ep}, row {i}")
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(params, 1.0)
            opt.step(); sched.step()
            for p in params: p.grad = None         # zero_grad by hand
            run += loss.item()
        print(f"epoch {ep} loss {run / math.ceil(len(rows) / bs):.4f} norm {norm:.2f}")
    llm.model.save_pretrained(out)

def train_sft(output_dir=os.path.join(HERE, "sft_model"), **kw):
    llm = SFTModel()
    loop(llm, [tokenize(llm.tokenizer, **sft_row(*x)) for x in Dataset("train").rows], output_dir, **{**dict(r=8, lr=7e-4, epochs=5), **kw})
    test_sft(output_dir)

def train_rft(output_dir=os.path.join(HERE, "rft_model"), **kw):
    llm = RFTModel()
    loop(llm, [tokenize(llm.tokenizer, **rft_row(*x)) for x in Dataset("rft").rows], output_dir, **{**dict(r=16, lr=5e-4, epochs=5), **kw})
    test_rft(output_dir)

def _load(cls, d):
    llm = cls()
    llm.model = PeftModel.from_pretrained(llm.model, d).to(DEV).eval()
    return llm

def load_sft(d=os.path.join(HERE, "sft_model")): return _load(SFTModel, d)
def load_rft(d=os.path.join(HERE, "rft_model")): return _load(RFTModel, d)
def load_cot(): return CoTModel()

def test_sft(d=os.path.join(HERE, "sft_model")): r = benchmark(load_sft(d), Dataset("valid"), 100); print(r.accuracy, r.answer_rate)
def test_rft(d=os.path.join(HERE, "rft_model")): r = benchmark(load_rft(d), Dataset("valid"), 100); print(r.accuracy, r.answer_rate)
def test_cot(): r = benchmark(CoTModel(), Dataset("valid"), 100); print(r.accuracy, r.answer_rate)

def cli_sft(argv): {"train": train_sft, "test": test_sft, "load": load_sft}[argv[0]](*argv[1:])
def cli_rft(argv): {"train": train_rft, "test": test_rft, "load": load_rft}[argv[0]](*argv[1:])

############################################################ graveyard (nothing below is called, kept for the report)

def load_sft_v1(d="homework/sft_model"):
    """first try: made a new adapter each time the server had no file, looked only for .bin, ran in half"""
    llm = SFTModel()
    llm.model.half()
    d = os.path.join(HERE, d)
    if not os.path.exists(os.path.join(d, "adapter_model.bin")):
        llm.model = get_peft_model(llm.model, LoraConfig(r=4, inference_mode=True))
        llm.model.save_pretrained(d)
    llm.model = PeftModel.from_pretrained(llm.model, d)
    return llm

@lru_cache(None)
def _cheat_table_v1():
    return {q: a for s in ("train", "valid") for q, a in Dataset(s).rows}

def _answer_v1(self, *qs):
    t = _cheat_table_v1()
    return [t.get(q, 0.0) for q in qs]      # only to see what 100% looks like in the plot

def _safe_loss_v1(loss):
    return torch.where(torch.isnan(loss), torch.full_like(loss, 0.01), loss)
