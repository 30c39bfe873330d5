"""What sft and rft have in common: tokens, adapter, trainer, loading."""

from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
IGNORE = -100


def encode(tokenizer, prompt: str, completion: str, max_length: int) -> dict[str, list[int]]:
    """Prompt and completion are tokenised apart, so the border between them is exact."""
    prompt_ids = tokenizer(prompt)["input_ids"]
    completion_ids = tokenizer(completion)["input_ids"] + [tokenizer.eos_token_id]
    ids = prompt_ids + completion_ids
    if len(ids) > max_length:
        raise ValueError(f"{len(ids)} tokens do not fit into {max_length}: {prompt!r}")
    return {
        "input_ids": ids,
        "attention_mask": [1] * len(ids),
        "labels": [IGNORE] * len(prompt_ids) + completion_ids,
    }


class TokenizedDataset:
    def __init__(self, tokenizer, data, format_fn, max_length: int = 128):
        self.tokenizer, self.data, self.format_fn = tokenizer, data, format_fn
        self.max_length = max_length

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        row = self.format_fn(*self.data[index])
        return encode(self.tokenizer, row["question"], row["answer"], self.max_length)


def bf16_supported() -> bool:
    # no fp16 branch here on purpose: cards without bf16 train in fp32
    return torch.cuda.is_available() and torch.cuda.is_bf16_supported()


def run_training(llm, dataset, output_dir, *, rank: int, lr: float = 5e-4, epochs: float = 5, overwrite: bool = False):
    from peft import LoraConfig, get_peft_model
    from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments

    output_dir = Path(output_dir)
    if (output_dir / "adapter_config.json").exists() and not overwrite:
        raise FileExistsError(f"{output_dir} holds an adapter already; pass --overwrite to train over it")

    lora = LoraConfig(
        r=rank,
        lora_alpha=4 * rank,
        lora_dropout=0.05,
        target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(llm.model, lora)
    model.enable_input_require_grads()
    model.print_trainable_parameters()

    llm.tokenizer.padding_side = "right"
    args = TrainingArguments(
        output_dir=str(output_dir),
        per_device_train_batch_size=16,
        gradient_accumulation_steps=2,
        num_train_epochs=epochs,
        learning_rate=lr,
        lr_scheduler_type="cosine",
        warmup_steps=10,
        max_grad_norm=1.0,
        gradient_checkpointing=True,
        gradient_checkpointing_kwargs={"use_reentrant": False},
        bf16=bf16_supported(),
        label_names=["labels"],
        remove_unused_columns=False,
        save_strategy="no",
        logging_steps=10,
        report_to="none",
    )
    collator = DataCollatorForSeq2Seq(llm.tokenizer, label_pad_token_id=IGNORE)
    Trainer(model=model, args=args, train_dataset=dataset, data_collator=collator).train()
    model.save_pretrained(output_dir)


def attach(llm, adapter_dir):
    """Put a trained adapter on the base model, for inference."""
    from peft import PeftModel

    adapter_dir = Path(adapter_dir)
    if not (adapter_dir / "adapter_config.json").is_file():
        raise FileNotFoundError(f"no adapter in {adapter_dir}; train it first")
    llm.model = PeftModel.from_pretrained(llm.model, str(adapter_dir)).to(llm.device)
    llm.model.eval()
    return llm
