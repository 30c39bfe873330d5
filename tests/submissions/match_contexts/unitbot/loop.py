"""Plain PyTorch training loop. No Trainer, because I want to see every number."""
import math
import random

import torch

from unitbot.engine import amp, padding


class NotFinite(RuntimeError):
    pass


def encode(tokenizer, prompt, completion):
    head = tokenizer(prompt).input_ids
    tail = tokenizer(completion, add_special_tokens=False).input_ids + [tokenizer.eos_token_id]
    return {"input_ids": head + tail, "labels": [-100] * len(head) + tail}


def collate(tokenizer, rows):
    # right padding here is fine: every label still sits behind its own prompt
    with padding(tokenizer, "right") as tok:
        batch = tok.pad([{"input_ids": r["input_ids"]} for r in rows], return_tensors="pt")
    width = batch["input_ids"].shape[1]
    batch["labels"] = torch.tensor([r["labels"] + [-100] * (width - len(r["labels"])) for r in rows])
    return batch


def batches(rows, size, rng):
    order = sorted(range(len(rows)), key=lambda i: (len(rows[i]["input_ids"]), rng.random()))
    groups = [order[i:i + size] for i in range(0, len(order), size)]
    rng.shuffle(groups)
    return [[rows[i] for i in g] for g in groups]


def fit(llm, rows, *, epochs, lr, batch=32, fp16=False, clip=1.0, seed=0):
    if fp16 and llm.device != "cuda":
        raise SystemExit("--fp16 needs a CUDA card; leave it out and train in fp32")
    rng = random.Random(seed)
    weights = [p for p in llm.model.parameters() if p.requires_grad]
    if not weights:
        raise SystemExit("nothing to train: is the adapter frozen (inference_mode=True)?")
    optimizer = torch.optim.AdamW(weights, lr=lr, weight_decay=0.0)
    steps = epochs * math.ceil(len(rows) / batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=lr, total_steps=steps, pct_start=0.1)
    autocast, scaler = amp(fp16)

    llm.model.train()
    step = 0
    for epoch in range(epochs):
        for group in batches(rows, batch, rng):
            data = collate(llm.tokenizer, group).to(llm.device)
            if not (data["labels"] != -100).any():
                raise NotFinite(f"step {step}: every label is masked")
            with autocast:
                loss = llm.model(**data).loss
            if not torch.isfinite(loss):
                raise NotFinite(f"step {step}: loss is {loss.item()}; not replacing it by 0, stopping")
            scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            norm = torch.nn.utils.clip_grad_norm_(weights, clip)
            if not fp16 and not norm.isfinite():
                raise NotFinite(f"step {step}: gradient norm is {norm.item()}")
            scaler.step(optimizer)      # skips the step by itself when fp16 overflowed
            scaler.update()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
            step += 1
            if step % 10 == 0:
                print(f"epoch {epoch} step {step}/{steps} loss {loss.item():.4f} grad {norm.item():.3f}", flush=True)
