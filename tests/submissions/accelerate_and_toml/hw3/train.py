"""
accelerate launch -m hw3.train sft
accelerate launch -m hw3.train rft
"""

import math
import sys
import tomllib
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from peft import get_peft_model
from torch.utils.data import DataLoader
from transformers import get_cosine_schedule_with_warmup

from hw3.batches import Collator, encode, pairs
from hw3.data import Dataset, benchmark
from hw3.model import HERE, MODELS, lora_for, wear


def settings(stage):
    table = tomllib.loads((HERE / "train.toml").read_text())
    return {**table["common"], **table[stage]}


def train(stage, output_dir=None):
    cfg = settings(stage)
    set_seed(cfg["seed"])
    out = Path(output_dir) if output_dir else HERE / f"{stage}_output"
    # the weights are already in their final dtype, accelerate has nothing to convert
    accelerator = Accelerator(mixed_precision="no", gradient_accumulation_steps=cfg["accumulate"])
    llm = MODELS[stage]()
    model = get_peft_model(llm.model, lora_for(stage), autocast_adapter_dtype=False)
    model.enable_input_require_grads()

    rows = [encode(llm.tokenizer, p, c, cfg["width"]) for p, c in pairs(llm)]
    loader = DataLoader(rows, batch_size=cfg["batch"], shuffle=True, collate_fn=Collator(llm.tokenizer.pad_token_id))
    optimizer = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), lr=cfg["lr"], eps=1e-6)
    steps = math.ceil(len(loader) / cfg["accumulate"]) * cfg["epochs"]
    schedule = get_cosine_schedule_with_warmup(optimizer, 10, steps)
    model, optimizer, loader, schedule = accelerator.prepare(model, optimizer, loader, schedule)

    model.train()
    for epoch in range(cfg["epochs"]):
        total = 0.0
        for batch in loader:
            with accelerator.accumulate(model):
                loss = model(**batch).loss
                accelerator.backward(loss)
                if accelerator.sync_gradients:
                    accelerator.clip_grad_norm_(model.parameters(), cfg["clip"])
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()
            total += loss.item()
        accelerator.print(f"epoch {epoch}: {total / len(loader):.4f}")
        if not math.isfinite(total):
            raise SystemExit("the loss is not finite, stopping")

    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        accelerator.unwrap_model(model).save_pretrained(str(out), safe_serialization=True)
        test(stage, out)


def test(stage, folder=None):
    llm = MODELS[stage]()
    if stage != "cot":
        wear(llm, folder)
    result = benchmark(llm, Dataset("valid"), 100)
    print(f"{stage}: accuracy {result.accuracy:.2f}, answer rate {result.answer_rate:.2f}")


if __name__ == "__main__":
    stage, *rest = sys.argv[1:]
    if rest[:1] == ["test"]:
        test(stage, *rest[1:])
    else:
        train(stage, *rest)
