from pathlib import Path

HERE = Path(__file__).parent


def tokenize(tokenizer, question, answer):
    """question is formatted already, answer is everything the model has to write"""
    tokenizer.padding_side = "right"
    tokenizer.pad_token = tokenizer.eos_token
    full = tokenizer(question + answer + tokenizer.eos_token, padding="max_length", truncation=True, max_length=128)
    n = len(tokenizer(question)["input_ids"])
    full["labels"] = [
        -100 if pos < n or mask == 0 else tok
        for pos, (tok, mask) in enumerate(zip(full["input_ids"], full["attention_mask"]))
    ]
    return full


class TokenizedDataset:
    def __init__(self, tokenizer, data, format_fn):
        self.tokenizer, self.data, self.format_fn = tokenizer, data, format_fn

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        return tokenize(self.tokenizer, **self.format_fn(*self.data[idx]))


def attach(llm, folder):
    from peft import PeftModel

    llm.model = PeftModel.from_pretrained(llm.model, str(folder)).to(llm.device)
    llm.model.eval()
    return llm


def fit(llm, dataset, output_dir, r, lr=7e-4, epochs=5):
    from peft import LoraConfig, get_peft_model
    from transformers import Trainer, TrainingArguments, default_data_collator

    model = get_peft_model(
        llm.model,
        LoraConfig(task_type="CAUSAL_LM", target_modules="all-linear", bias="none", r=r, lora_alpha=4 * r),
    )
    model.enable_input_require_grads()
    Trainer(
        model=model,
        train_dataset=dataset,
        data_collator=default_data_collator,
        args=TrainingArguments(
            output_dir=output_dir,
            learning_rate=lr,
            num_train_epochs=epochs,
            per_device_train_batch_size=32,
            gradient_checkpointing=True,
            save_strategy="no",
        ),
    ).train()
    model.save_pretrained(output_dir)
