import argparse

from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments

from . import peft_files, silence  # noqa: F401
from .base_llm import BaseLLM
from .data import Dataset, benchmark

FOLDER = peft_files.PACKAGE / "sft_model"


class SFTModel(BaseLLM):
    def format_prompt(self, question: str) -> str:
        return question.strip() + " <answer>"

    def parse_answer(self, text: str) -> float:
        return super().parse_answer("<answer>" + text)


def load() -> BaseLLM:
    llm = SFTModel()
    llm.model = peft_files.attach(llm.model, FOLDER).eval()
    return llm


def tokenize(tokenizer, question, answer):
    head, tail = tokenizer(question)["input_ids"], tokenizer(answer + tokenizer.eos_token)["input_ids"]
    return {"input_ids": head + tail, "attention_mask": [1] * (len(head) + len(tail)), "labels": [-100] * len(head) + tail}


def format_example(prompt: str, answer: float) -> dict:
    return {"question": prompt.strip() + " <answer>", "answer": f"{answer:.4f}</answer>"}


def run(llm, rows, folder, epochs, lr):
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=epochs,
        learning_rate=lr,
        per_device_train_batch_size=32,
        gradient_checkpointing=True,
        save_strategy="no",
    )
    llm.model.enable_input_require_grads()
    Trainer(model=llm.model, args=arguments, train_dataset=rows, data_collator=DataCollatorForSeq2Seq(llm.tokenizer)).train()
    peft_files.keep_a_copy(folder)
    llm.model.save_pretrained(str(folder))


def train_model(output_dir=FOLDER, epochs: int = 5, lr: float = 6e-4, rank: int = 8):
    llm = SFTModel()
    llm.model = peft_files.fresh(llm.model, rank)
    run(llm, [tokenize(llm.tokenizer, **format_example(*row)) for row in Dataset("train")], output_dir, epochs, lr)
    test_model(output_dir)


def test_model(ckpt_path=FOLDER):
    llm = SFTModel()
    llm.model = peft_files.attach(llm.model, ckpt_path).eval()
    print(benchmark(llm, Dataset("valid"), 100))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["train", "test", "load"])
    parser.add_argument("--epochs", type=int, default=5)
    given = parser.parse_args()
    if given.command == "train":
        train_model(epochs=given.epochs)
    elif given.command == "test":
        test_model()
    else:
        load()
