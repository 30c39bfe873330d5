import contextlib
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn.utils import clip_grad_norm_

from .tasks import IGNORE, AdapterTask


class TrainingFailed(RuntimeError):
    pass


@dataclass
class LoopConfig:
    lr: float = 7e-4
    epochs: int = 5
    micro_batch: int = 16
    accumulate: int = 2
    clip: float = 1.0
    warmup: float = 0.05
    fp16: bool = False  # only ever by --fp16
    seed: int = 0
    max_skipped: int = 25


def collate(rows: list[dict[str, list[int]]], pad_id: int) -> dict[str, torch.Tensor]:
    """Right padding: positions of a row stay the same whatever it is batched with."""
    width = max(len(r["input_ids"]) for r in rows)

    def fill(key: str, value: int) -> torch.Tensor:
        return torch.tensor([r[key] + [value] * (width - len(r[key])) for r in rows])

    mask = torch.tensor([[1] * len(r["input_ids"]) + [0] * (width - len(r["input_ids"])) for r in rows])
    return {"input_ids": fill("input_ids", pad_id), "labels": fill("labels", IGNORE), "attention_mask": mask}


def schedule(step: int, total: int, warmup: float) -> float:
    start = max(1, int(total * warmup))
    if step < start:
        return step / start
    return 0.5 * (1 + math.cos(math.pi * (step - start) / max(1, total - start)))


def groups(rows: list, cfg: LoopConfig, rng: random.Random) -> Iterator[list[list]]:
    order = rng.sample(rows, len(rows))
    micro = [order[i : i + cfg.micro_batch] for i in range(0, len(order), cfg.micro_batch)]
    for i in range(0, len(micro), cfg.accumulate):
        yield micro[i : i + cfg.accumulate]


def fit(task: AdapterTask, cfg: LoopConfig, output_dir: Path) -> None:
    from peft import LoraConfig, get_peft_model

    if cfg.fp16 and not torch.cuda.is_available():
        raise SystemExit("--fp16 needs a CUDA device")
    torch.manual_seed(cfg.seed)
    rng = random.Random(cfg.seed)

    llm = task.new_model()
    rows = task.encoded(llm)
    lora = LoraConfig(r=task.rank, lora_alpha=4 * task.rank, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(llm.model, lora)
    params = [p for p in model.parameters() if p.requires_grad]
    total = cfg.epochs * math.ceil(math.ceil(len(rows) / cfg.micro_batch) / cfg.accumulate)
    optimizer = torch.optim.AdamW(params, lr=cfg.lr, weight_decay=0.0)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: schedule(s, total, cfg.warmup))

    # The weights stay in float32; with --fp16 only the matmuls are half, under a loss scale.
    scaler = torch.amp.GradScaler("cuda", enabled=cfg.fp16)
    autocast = torch.autocast("cuda", dtype=torch.float16) if cfg.fp16 else contextlib.nullcontext()

    model.train()
    step = skipped = 0
    for epoch in range(cfg.epochs):
        for group in groups(rows, cfg, rng):
            seen = 0.0
            for part in group:
                batch = {k: v.to(llm.device) for k, v in collate(part, llm.tokenizer.pad_token_id).items()}
                with autocast:
                    loss = model(**batch).loss / len(group)
                if not torch.isfinite(loss):
                    raise TrainingFailed(f"loss is {loss.item()} in step {step}; rows {[len(r['labels']) for r in part]}")
                scaler.scale(loss).backward()
                seen += loss.item()

            scaler.unscale_(optimizer)
            norm = clip_grad_norm_(params, cfg.clip)
            if not cfg.fp16 and not torch.isfinite(norm):
                raise TrainingFailed(f"gradient norm is {norm.item()} in step {step}")
            scale = scaler.get_scale()
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad(set_to_none=True)
            if scaler.get_scale() < scale:
                # The scaler found an inf and left the weights alone: normal for the first
                # few steps, while the scale comes down from 65536.
                skipped += 1
                if skipped > cfg.max_skipped:
                    raise TrainingFailed(f"{skipped} steps skipped, fp16 does not work out here")
                continue
            scheduler.step()
            step += 1
            if step % 10 == 0:
                print(f"epoch {epoch} step {step}/{total} loss {seen:.4f} grad {norm:.3f} skipped {skipped}")

    if all(not p.any() for n, p in model.named_parameters() if "lora_B" in n):
        raise TrainingFailed("every lora_B is still zero")
    output_dir.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(str(output_dir))
