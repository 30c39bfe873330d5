from __future__ import annotations

from pathlib import Path

from .base_llm import BaseLLM
from .settings import settings

WEIGHTS = "adapter_model.bin"


class AdapterNotTrained(RuntimeError):
    pass


def attach(llm: BaseLLM, folder: Path) -> BaseLLM:
    """Put a trained adapter on llm, ready for answering."""
    from peft import PeftModel

    missing = [name for name in ("adapter_config.json", WEIGHTS) if not (folder / name).is_file()]
    if missing:
        raise AdapterNotTrained(f"{folder} lacks {', '.join(missing)}")
    llm.model = PeftModel.from_pretrained(llm.model, folder).to(llm.device)
    llm.model.eval()
    return llm


def tune(llm: BaseLLM, dataset, folder: Path, **overrides) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments

    llm.model = get_peft_model(
        llm.model,
        LoraConfig(
            task_type="CAUSAL_LM", r=settings.rank, lora_alpha=settings.alpha, target_modules="all-linear", bias="none"
        ),
    )
    arguments = {
        "learning_rate": settings.learning_rate,
        "num_train_epochs": settings.epochs,
        "per_device_train_batch_size": settings.batch_size,
        "lr_scheduler_type": "cosine",
        "save_strategy": "no",
        "report_to": "none",
        **overrides,
    }
    trainer = Trainer(
        model=llm.model,
        args=TrainingArguments(output_dir=str(folder), **arguments),
        train_dataset=dataset,
        data_collator=DataCollatorForSeq2Seq(llm.tokenizer, label_pad_token_id=-100),
    )
    trainer.train()
    folder.mkdir(parents=True, exist_ok=True)
    trainer.model.save_pretrained(folder)
