from peft import LoraConfig, PeftModel, TaskType, get_peft_model
from transformers import Trainer, TrainingArguments, default_data_collator

from . import checkpoints
from .data import benchmark, Dataset


def wrap(model, rank):
    model = get_peft_model(
        model,
        LoraConfig(task_type=TaskType.CAUSAL_LM, r=rank, lora_alpha=rank * 4, target_modules="all-linear", inference_mode=False),
    )
    model.print_trainable_parameters()
    return model


def unwrap(llm, *names):
    llm.model = PeftModel.from_pretrained(llm.model, str(checkpoints.newest(*names)))
    llm.model.to(llm.device).eval()
    return llm


def encode(tokenizer, question, answer, length=128):
    enc = tokenizer(question + answer + tokenizer.eos_token, padding="max_length", max_length=length, truncation=True)
    real = sum(enc["attention_mask"])
    n = len(tokenizer(question + answer + tokenizer.eos_token)["input_ids"]) - len(tokenizer(question)["input_ids"])
    # left padded: the answer is the tail
    enc["labels"] = [-100] * (length - min(n, real)) + enc["input_ids"][length - min(n, real):]
    return enc


def run(llm, rows, output_dir, rank=8, **extra):
    llm.model = wrap(llm.model, rank)
    target = checkpoints.place(output_dir)
    defaults = dict(num_train_epochs=5, per_device_train_batch_size=32, learning_rate=5e-4, logging_steps=20, save_strategy="no")
    trainer = Trainer(
        model=llm.model,
        args=TrainingArguments(output_dir=str(target), **{**defaults, **extra}),
        train_dataset=rows,
        data_collator=default_data_collator,
    )
    trainer.train()
    llm.model.save_pretrained(str(target))
    print("saved to", target)


def score(llm):
    result = benchmark(llm, Dataset("valid"), 100)
    print("accuracy", result.accuracy, "answer_rate", result.answer_rate)
