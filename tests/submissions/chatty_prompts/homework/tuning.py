from pathlib import Path

from peft import AutoPeftModelForCausalLM, LoraConfig, PeftModel, get_peft_model
from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments

here = Path(__file__).parent


def tokenize(tokenizer, question, answer):
    prompt = tokenizer(question, add_special_tokens=False)["input_ids"]
    reply = tokenizer(answer, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
    return {"input_ids": prompt + reply, "attention_mask": [1] * len(prompt + reply), "labels": [-100] * len(prompt) + reply}


def tune(llm, pairs, folder, rank, epochs=5):
    config = LoraConfig(r=rank, lora_alpha=4 * rank, target_modules="all-linear", task_type="CAUSAL_LM", bias="none")
    llm.model = get_peft_model(llm.model, config)
    Trainer(
        model=llm.model,
        train_dataset=[tokenize(llm.tokenizer, p, r) for p, r in pairs],
        data_collator=DataCollatorForSeq2Seq(llm.tokenizer),
        args=TrainingArguments(
            output_dir=str(here / folder), num_train_epochs=epochs, learning_rate=5e-4, per_device_train_batch_size=32, save_strategy="no"
        ),
    ).train()
    llm.model.save_pretrained(here / folder)


def tuned(llm, folder):
    llm.model = PeftModel.from_pretrained(llm.model, here / folder).to(llm.device).eval()
    return llm
