"""A training loop without Trainer: 60 lines, every one of them ours."""
import math

import torch
from peft import LoraConfig, PeftModel, get_peft_model


def attach(llm, rank, start_from=None):
    if start_from is not None:
        # continue from a trained adapter
        llm.model = PeftModel.from_pretrained(llm.model, start_from, is_trainable=True)
    else:
        llm.model = get_peft_model(
            llm.model, LoraConfig(r=rank, lora_alpha=4 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
        )
    return [p for p in llm.model.parameters() if p.requires_grad]


def collate(rows, pad):
    width = max(len(r["input_ids"]) for r in rows)

    def fill(key, value):
        # padded on the right: in training the position of the padding does not matter
        return torch.tensor([r[key] + [value] * (width - len(r[key])) for r in rows])

    return {"input_ids": fill("input_ids", pad), "attention_mask": fill("attention_mask", 0), "labels": fill("labels", -100)}


def fit(llm, rows, out, rank=16, lr=1e-3, epochs=5, batch=32, amp=None, start_from=None):
    """amp: None, "bf16" or "fp16" (asked for by hand; fp16 runs with a GradScaler)."""
    params = attach(llm, rank, start_from)
    if not params:
        raise RuntimeError("the adapter is frozen")
    opt = torch.optim.AdamW(params, lr=lr, weight_decay=0.0)
    steps = epochs * math.ceil(len(rows) / batch)
    sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, steps)
    scaler = torch.amp.GradScaler("cuda", enabled=amp == "fp16")
    cast = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(amp)
    g = torch.Generator().manual_seed(0)
    llm.model.train()
    for epoch in range(epochs):
        order = torch.randperm(len(rows), generator=g).tolist()
        for i in range(0, len(order), batch):
            x = collate([rows[j] for j in order[i : i + batch]], llm.tokenizer.eos_token_id)
            x = {k: v.to(llm.device) for k, v in x.items()}
            if not (x["labels"] != -100).any():
                continue  # cannot happen, tokenize() refuses such rows
            with torch.autocast(llm.device.type, dtype=cast, enabled=cast is not None):
                loss = llm.model(**x).loss
            if not torch.isfinite(loss):
                raise FloatingPointError(f"loss is {loss.item()} in epoch {epoch}")
            scaler.scale(loss).backward()
            scaler.unscale_(opt)
            torch.nn.utils.clip_grad_norm_(params, 1.0)
            scaler.step(opt)
            scaler.update()
            opt.zero_grad()
            sched.step()
        print(f"epoch {epoch}: {loss.item():.4f}")
    llm.model.save_pretrained(out)
