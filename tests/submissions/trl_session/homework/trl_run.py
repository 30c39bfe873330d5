from datasets import Dataset as HFDataset
from trl import SFTConfig, SFTTrainer


def prompt_completion(pairs):
    """TRL's prompt-completion format; with completion_only_loss the prompt is masked by TRL."""
    prompts, completions = zip(*pairs)
    return HFDataset.from_dict({"prompt": list(prompts), "completion": list(completions)})


def run(llm, pairs, out, peft_config=None, **overrides):
    settings = {
        "output_dir": str(out),
        "num_train_epochs": 5,
        "per_device_train_batch_size": 32,
        "learning_rate": 7e-4,
        "lr_scheduler_type": "cosine",
        "max_length": 192,
        "completion_only_loss": True,
        "packing": False,
        "bf16": False,
        "gradient_checkpointing": False,
        "logging_steps": 10,
        "save_strategy": "no",
        "report_to": "none",
        **overrides,
    }
    llm.tokenizer.padding_side = "right"
    trainer = SFTTrainer(
        model=llm.model,
        args=SFTConfig(**settings),
        train_dataset=prompt_completion(pairs),
        processing_class=llm.tokenizer,
        peft_config=peft_config,
    )
    trainer.train()
    trainer.save_model(str(out))
