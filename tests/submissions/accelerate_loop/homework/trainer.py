"""A LoRA training loop on accelerate; runs with `accelerate launch -m homework.sft train` on several GPUs."""

import math
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from torch.utils.data import DataLoader


def lr_at(step, total, peak, warmup):
    if step < warmup:
        return peak * step / warmup  # 0 on the very first step
    progress = (step - warmup) / max(1, total - warmup)
    return peak * 0.5 * (1 + math.cos(math.pi * progress))


def clip_by_hand(params, max_norm):
    grads = [p.grad for p in params if p.grad is not None]
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in grads]))
    if not torch.isfinite(norm):
        raise FloatingPointError(f"gradient norm is {norm.item()}")
    scale = (max_norm / (norm + 1e-6)).clamp(max=1.0)
    for g in grads:
        g.mul_(scale)
    return norm.item()


def evaluate(model, loader, accelerator):
    model.eval()
    sums = torch.zeros(2, device=accelerator.device)
    with torch.no_grad():
        for batch in loader:
            count = (batch["labels"][:, 1:] != -100).sum()
            sums[0] += model(**batch).loss.detach().float() * count
            sums[1] += count
    model.train()
    total = accelerator.reduce(sums, reduction="sum")
    return (total[0] / total[1]).item()


def fit(llm, train_rows, held_out, collate, output_dir, rank, lr=7e-4, epochs=6, batch_size=32, patience=2):
    set_seed(1)
    bf16 = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    accelerator = Accelerator(mixed_precision="bf16" if bf16 else "no")
    model = get_peft_model(
        llm.model,
        LoraConfig(task_type="CAUSAL_LM", target_modules="all-linear", r=rank, lora_alpha=4 * rank, lora_dropout=0.0),
    )
    params = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(params, lr=lr, weight_decay=0.0)
    train_loader = DataLoader(train_rows, batch_size=batch_size, shuffle=True, collate_fn=collate)
    val_loader = DataLoader(held_out, batch_size=batch_size, collate_fn=collate)
    model, optimizer, train_loader, val_loader = accelerator.prepare(model, optimizer, train_loader, val_loader)

    total = epochs * len(train_loader)
    warmup = max(1, total // 20)
    step, best, best_state, bad = 0, float("inf"), None, 0
    model.train()
    for epoch in range(epochs):
        for batch in train_loader:
            for group in optimizer.param_groups:
                group["lr"] = lr_at(step, total, lr, warmup)
            loss = model(**batch).loss
            accelerator.backward(loss)
            norm = clip_by_hand(params, 1.0)
            optimizer.step()
            optimizer.zero_grad()
            if step % 10 == 0:
                accelerator.print(f"step {step}/{total} loss {loss.item():.4f} grad_norm {norm:.3f}")
            step += 1
        val = evaluate(model, val_loader, accelerator)
        accelerator.print(f"epoch {epoch} held-out loss {val:.4f}")
        if val < best:
            best, bad = val, 0
            state = get_peft_model_state_dict(accelerator.unwrap_model(model))
            best_state = {k: v.detach().cpu().clone() for k, v in state.items()}
        else:
            bad += 1
            if bad >= patience:
                accelerator.print("no better for", patience, "epochs, stopping")
                break
    if best_state is None:
        raise RuntimeError("held-out loss was never finite")
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        final = accelerator.unwrap_model(model)
        set_peft_model_state_dict(final, best_state)
        Path(output_dir).mkdir(parents=True, exist_ok=True)
        final.save_pretrained(output_dir)
    return best
