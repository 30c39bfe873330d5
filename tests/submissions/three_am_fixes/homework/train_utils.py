import torch
from transformers import Trainer, TrainingArguments


def speed():
    """Flags for the card at hand: mine at home is a 2060, the one in the lab an A100."""
    if not torch.cuda.is_available():
        return {"use_cpu": True}
    if torch.cuda.is_bf16_supported(including_emulation=False):
        return {"bf16": True}
    return {"fp16": True, "fp16_full_eval": True}


def steady(model):
    # 03:05 step 41
    for p in model.parameters():
        if p.requires_grad:
            p.register_hook(lambda g: torch.nan_to_num(g, nan=0.0, posinf=0.0, neginf=0.0))
    return model


class NightTrainer(Trainer):
    def compute_loss(self, model, inputs, return_outputs=False, **kw):
        loss, outputs = super().compute_loss(model, inputs, return_outputs=True, **kw)
        ok = torch.isfinite(loss.detach())
        loss = torch.where(ok, loss, torch.zeros_like(loss))
        return (loss, outputs) if return_outputs else loss


def go(llm, trainset, out, epochs=5, lr=7e-4, **more):
    args = TrainingArguments(
        output_dir=str(out),
        per_device_train_batch_size=8,
        gradient_accumulation_steps=4,
        gradient_checkpointing=True,
        gradient_checkpointing_kwargs={"use_reentrant": False},
        num_train_epochs=epochs,
        learning_rate=lr,
        lr_scheduler_type="cosine",
        max_grad_norm=1.0,
        logging_steps=10,
        save_strategy="epoch",
        save_total_limit=1,
        report_to="none",
        **speed(),
        **more,
    )
    trainer = NightTrainer(model=steady(llm.model), args=args, train_dataset=trainset)
    trainer.train()
    trainer.save_model(str(out))
