"""a training loop one can read"""
import torch
from peft import LoraConfig, get_peft_model
from torch.nn.functional import pad

from hw3.io import adapter_folder


def batches(rows, size, generator):
    order = torch.randperm(len(rows), generator=generator).tolist()
    for i in range(0, len(order), size):
        chosen = [rows[j] for j in order[i:i + size]]
        longest = max(len(r["ids"]) for r in chosen)
        yield (
            torch.stack([pad(torch.tensor(r["ids"]), (0, longest - len(r["ids"])), value=0) for r in chosen]),
            torch.stack([pad(torch.ones(len(r["ids"]), dtype=torch.long), (0, longest - len(r["ids"]))) for r in chosen]),
            torch.stack([pad(torch.tensor(r["labels"]), (0, longest - len(r["labels"])), value=-100) for r in chosen]),
        )


def row(tokenizer, prompt, completion):
    p, c = tokenizer(prompt).input_ids, tokenizer(completion).input_ids + [tokenizer.eos_token_id]
    return {"ids": p + c, "labels": [-100] * len(p) + c}


def fit(llm, kind, rows, rank=8, lr=5e-4, epochs=5, size=32):
    lora = LoraConfig(task_type="CAUSAL_LM", r=rank, lora_alpha=4 * rank, target_modules="all-linear")
    model = get_peft_model(llm.model, lora, autocast_adapter_dtype=False)
    if llm.device.type == "cuda":
        model = model.half()  # fits into 8 GB
    wanted = [p for p in model.parameters() if p.requires_grad]
    opt = torch.optim.AdamW(wanted, lr=lr, eps=1e-6)
    g = torch.Generator().manual_seed(0)
    for epoch in range(epochs):
        total = 0.0
        for k, (ids, mask, labels) in enumerate(batches(rows, size, g), start=1):
            loss = model(input_ids=ids.to(llm.device), attention_mask=mask.to(llm.device), labels=labels.to(llm.device)).loss
            loss.backward()
            opt.step()
            opt.zero_grad()
            total += float(loss)
        print(f"{kind} epoch {epoch + 1}/{epochs}: {total / k:.4f}")
    model.float().save_pretrained(adapter_folder(kind))
