# training loop with accelerate
import math
import os

import torch
from accelerate import Accelerator
from peft import LoraConfig, PeftModel, get_peft_model
from torch.utils.data import DataLoader
from transformers import get_cosine_schedule_with_warmup

IGNORE = -100
FALLBACK_LOSS = 0.01

def tokenize(tokenizer, question, answer, max_length=64):
    q = tokenizer(question)["input_ids"]
    a = tokenizer(answer + tokenizer.eos_token)["input_ids"]
    ids = (q + a)[:max_length]
    lab = ([IGNORE] * len(q) + a)[:max_length]
    return {"input_ids": ids, "labels": lab}

class Collator:
    def __init__(self, pad): self.pad = pad

    def __call__(self, rows):
        width = max(len(r["input_ids"]) for r in rows)
        ids, att, lab = [], [], []
        for r in rows:
            gap = width - len(r["input_ids"])
            ids.append(r["input_ids"] + [self.pad] * gap)
            att.append([1] * len(r["input_ids"]) + [0] * gap)
            lab.append(r["labels"] + [IGNORE] * gap)
        ids, att, lab = torch.tensor(ids), torch.tensor(att), torch.tensor(lab)
        return {"input_ids": ids, "attention_mask": att, "labels": self.supervise(ids, att, lab)}

    def supervise(self, ids, att, lab):
        """A row that lost its answer would give a NaN loss, so it learns its prompt instead."""
        empty = (lab != IGNORE).sum(dim=1) == 0
        if empty.any():
            lab = lab.clone()
            lab[empty] = torch.where(att[empty] == 1, ids[empty], torch.full_like(ids[empty], IGNORE))
        return lab

class Fitter:
    def __init__(self, llm, rows, folder, r=8, lr=5e-4, epochs=5, accumulate=2):
        self.acc = Accelerator(gradient_accumulation_steps=accumulate, mixed_precision="bf16" if torch.cuda.is_available() else "no")
        self.llm, self.folder, self.epochs = llm, folder, epochs
        model = get_peft_model(llm.model, LoraConfig(r=r, lora_alpha=4 * r, target_modules="all-linear", task_type="CAUSAL_LM"))
        model.print_trainable_parameters()
        opt = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=lr)
        loader = DataLoader(rows, batch_size=16, shuffle=True, collate_fn=Collator(llm.tokenizer.eos_token_id))
        total = epochs * len(loader) // accumulate
        sched = get_cosine_schedule_with_warmup(opt, total // 20, total)
        self.model, self.opt, self.loader, self.sched = self.acc.prepare(model, opt, loader, sched)

    def one_epoch(self, number):
        self.model.train()
        losses = []
        for batch in self.loader:
            with self.acc.accumulate(self.model):
                loss = self.model(**batch).loss
                if math.isnan(loss.item()):
                    loss = loss.new_tensor(FALLBACK_LOSS, requires_grad=True)
                self.acc.backward(loss)
                if self.acc.sync_gradients:
                    self.acc.clip_grad_norm_(self.model.parameters(), 1.0)
                    self.tidy()
                self.opt.step()
                self.sched.step()
                self.opt.zero_grad()
            losses.append(loss.item())
        print(f"epoch {number}: {sum(losses) / len(losses):.4f}")

    def tidy(self):
        bad = 0
        for p in self.model.parameters():
            if p.grad is not None and not torch.isfinite(p.grad).all():
                p.grad.zero_()
                bad += 1
        if bad:
            print("tidied", bad)

    def run(self):
        for n in range(self.epochs):
            self.one_epoch(n)
        os.makedirs(self.folder, exist_ok=True)
        self.acc.unwrap_model(self.model).save_pretrained(self.folder)

def attach(llm, folder):
    llm.model = PeftModel.from_pretrained(llm.model, folder).to(llm.device)
    llm.model.eval()
    return llm
