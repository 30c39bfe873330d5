"""
The training loop, by hand. No Trainer: I want to see every number.

fp16 is possible with --fp16 on a GPU: autocast plus GradScaler, the weights stay fp32.
"""

import json
import math
import os
import random
import time

import torch
from peft import LoraConfig, get_peft_model


class Diverged(RuntimeError):
    pass


def encode(tokenizer, prompt, completion, limit=192):
    p = tokenizer(prompt).input_ids
    full = tokenizer(prompt + completion).input_ids + [tokenizer.eos_token_id]
    if len(full) > limit:
        return None
    return p, full


def collate(batch, pad):
    """Left padding in training too: all labels sit in the last columns, so logits_to_keep works."""
    width = max(len(full) for _, full in batch)
    keep = max(len(full) - len(p) for p, full in batch) + 1
    ids, mask, labels = [], [], []
    for p, full in batch:
        fill = width - len(full)
        ids.append([pad] * fill + full)
        mask.append([0] * fill + [1] * len(full))
        labels.append([-100] * (fill + len(p)) + full[len(p) :])
    return torch.tensor(ids), torch.tensor(mask), torch.tensor(labels)[:, -keep:], keep


def cosine(step, total, warmup):
    if step < warmup:
        return step / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))


def moving(history, n=20):
    """Only for the screen. A NaN here would hide the older values, so it is shown as 0 with a mark."""
    tail = torch.tensor(history[-n:])
    mark = "!" if not torch.isfinite(tail).all() else ""
    return f"{torch.nan_to_num(tail, nan=0.0).mean().item():.4f}{mark}"


def train(
    llm,
    pairs,
    output_dir,
    rank=8,
    alpha=32,
    lr=7e-4,
    epochs=5,
    batch=32,
    clip=1.0,
    warmup=10,
    seed=3,
    fp16=False,
):
    if fp16 and llm.device != "cuda":
        raise SystemExit("--fp16 needs a GPU; leave it out to train in fp32")
    random.seed(seed)
    torch.manual_seed(seed)

    model = get_peft_model(
        llm.model,
        LoraConfig(r=rank, lora_alpha=alpha, target_modules="all-linear", task_type="CAUSAL_LM", bias="none"),
    )
    model.train()
    params = [p for p in model.parameters() if p.requires_grad]
    assert params, "nothing to train"
    opt = torch.optim.AdamW(params, lr=lr, weight_decay=0.0)

    rows = [encode(llm.tokenizer, *pair) for pair in pairs]
    dropped = sum(r is None for r in rows)
    rows = [r for r in rows if r is not None]
    print(f"{len(rows)} rows, {dropped} too long and left out")
    total = epochs * math.ceil(len(rows) / batch)
    sched = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: cosine(s, total, warmup))
    scaler = torch.amp.GradScaler("cuda", enabled=fp16)

    history, step, skipped, start = [], 0, 0, time.time()
    for epoch in range(epochs):
        random.shuffle(rows)
        for i in range(0, len(rows), batch):
            ids, mask, labels, keep = collate(rows[i : i + batch], llm.tokenizer.pad_token_id)
            ids, mask, labels = ids.to(llm.device), mask.to(llm.device), labels.to(llm.device)
            if not (labels != -100).any():
                # can not happen with encode() above; if it does it is a bug in the data, not a batch to train on
                raise Diverged("a batch without labels")
            with torch.autocast(llm.device, dtype=torch.float16, enabled=fp16):
                loss = model(input_ids=ids, attention_mask=mask, labels=labels, logits_to_keep=keep).loss
            if not torch.isfinite(loss):
                raise Diverged(f"loss is {loss.item()} in step {step}: not going on, not saving")

            opt.zero_grad(set_to_none=True)
            scaler.scale(loss).backward()
            scaler.unscale_(opt)
            norm = torch.nn.utils.clip_grad_norm_(params, clip)
            if not torch.isfinite(norm):
                # with a scaler the first few are normal: scaler.step leaves the weights alone and update() lowers the scale
                skipped += 1
                if not fp16 or skipped > 20:
                    raise Diverged(f"gradient norm is {norm.item()} in step {step}")
            scaler.step(opt)
            scaler.update()
            sched.step()

            history.append(loss.item())
            step += 1
            if step % 10 == 0:
                print(f"epoch {epoch} step {step}/{total} loss {moving(history)} norm {norm.item():.3f} {time.time() - start:.0f}s")

    model.save_pretrained(output_dir)
    # the curve is for plotting only, half precision is plenty
    curve = torch.tensor(history).half()
    with open(os.path.join(output_dir, "curve.json"), "w") as f:
        json.dump(curve.tolist(), f)
    return history
