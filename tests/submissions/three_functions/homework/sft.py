import os
import sys

from .base_llm import BaseLLM
from .data import Dataset, benchmark

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sft_model")


def load(path=OUT):
    from peft import PeftModel

    llm = BaseLLM()
    llm.model = PeftModel.from_pretrained(llm.model, path).to(llm.device)
    llm.model.eval()
    return llm


def train_model(output_dir=OUT, rows=None, max_length=128, rank=8):
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import Trainer, TrainingArguments

    llm = BaseLLM()
    tok = llm.tokenizer
    tok.pad_token = tok.eos_token
    tok.padding_side = "right"

    examples = []
    for row in rows or Dataset("train"):
        question, answer = row[0], row[1]
        prompt = f"Question: {question.strip()}\nAnswer:"
        # rft rows bring their own text
        target = row[2] if len(row) > 2 else f"<answer>{round(answer, 3)}</answer>"
        enc = tok(f"{prompt} {target}{tok.eos_token}", padding="max_length", truncation=True, max_length=max_length)
        skip = len(tok(prompt)["input_ids"])
        labels = []
        for i, t in enumerate(enc["input_ids"]):
            labels.append(t if i >= skip and enc["attention_mask"][i] == 1 else -100)
        examples.append({"input_ids": enc["input_ids"], "attention_mask": enc["attention_mask"], "labels": labels})

    model = get_peft_model(
        llm.model,
        LoraConfig(r=rank, lora_alpha=rank * 4, target_modules="all-linear", bias="none", task_type="CAUSAL_LM"),
    )
    model.enable_input_require_grads()
    args = TrainingArguments(
        output_dir=output_dir,
        per_device_train_batch_size=32,
        num_train_epochs=5,
        learning_rate=7e-4,
        gradient_checkpointing=True,
        bf16=torch.cuda.is_available() and torch.cuda.is_bf16_supported(),
        save_strategy="no",
        logging_steps=10,
        report_to="none",
    )
    trainer = Trainer(model=model, args=args, train_dataset=examples)
    trainer.train()
    trainer.save_model(output_dir)
    test_model(output_dir)


def test_model(ckpt_path=OUT):
    r = benchmark(load(ckpt_path), Dataset("valid"), 100)
    print("accuracy", r.accuracy, "answer rate", r.answer_rate)
    for s in r.samples[:10]:
        print(s)


if __name__ == "__main__":
    {"train": train_model, "test": test_model, "load": load}[sys.argv[1]]()
