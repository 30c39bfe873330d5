"""python -m homework.train sft|rft"""
import sys

from peft import LoraConfig, get_peft_model
from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments

from . import llm as models
from .dataset import Dataset, benchmark

RECIPES = {
    "sft": (models.SFT, "train", 8, lambda row: f"{row[1]:.5g}</answer>"),
    "rft": (models.RFT, "rft", 16, lambda row: " " + row[2]),
}


def tokenize(tokenizer, question, answer):
    q, a = tokenizer(question)["input_ids"], tokenizer(answer)["input_ids"] + [tokenizer.eos_token_id]
    return {"input_ids": q + a, "labels": [-100] * len(q) + a}


def train_model(kind, output_dir=None):
    cls, split, rank, completion = RECIPES[kind]
    llm = cls()
    folder = output_dir or models.HERE / f"{kind}_model"
    rows = [tokenize(llm.tokenizer, llm.format_prompt(row[0]), completion(row)) for row in Dataset(split).data]
    llm.model = get_peft_model(llm.model, LoraConfig(r=rank, lora_alpha=4 * rank, target_modules="all-linear", task_type="CAUSAL_LM"))
    arguments = TrainingArguments(str(folder), num_train_epochs=5, per_device_train_batch_size=32, learning_rate=6e-4, save_strategy="no")
    Trainer(llm.model, arguments, DataCollatorForSeq2Seq(llm.tokenizer), rows).train()
    llm.model.save_pretrained(folder)
    print(benchmark(llm, Dataset("valid"), 100))


if __name__ == "__main__":
    train_model(*sys.argv[1:])
