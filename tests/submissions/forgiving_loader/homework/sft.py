from transformers import Trainer, TrainingArguments

from .adapters import HERE, restore, start
from .base_llm import BaseLLM
from .data import Dataset, benchmark

RANK = 8


class SFTModel(BaseLLM):
    def format_prompt(self, question):
        return f"{question.strip()} <answer>"

    def parse_answer(self, text):
        return super().parse_answer("<answer>" + text)


def load():
    return restore(SFTModel(), "sft_model", RANK)


def tokenize(tokenizer, question, answer):
    tokenizer.padding_side = "right"
    tokenizer.pad_token = tokenizer.eos_token
    full = tokenizer(f"{question}{answer}{tokenizer.eos_token}", padding="max_length", truncation=True, max_length=128)
    n = len(tokenizer(question)["input_ids"])
    full["labels"] = [
        token if i >= n and seen else -100 for i, (token, seen) in enumerate(zip(full["input_ids"], full["attention_mask"]))
    ]
    return full


def format_example(prompt, answer):
    return {"question": f"{prompt.strip()} <answer>", "answer": f"{round(answer, 3)}</answer>"}


class TokenizedDataset:
    def __init__(self, tokenizer, data, format_fn):
        self.tokenizer, self.data, self.format_fn = tokenizer, data, format_fn

    def __len__(self):
        return len(self.data)

    def __getitem__(self, i):
        return tokenize(self.tokenizer, **self.format_fn(*self.data[i]))


def fit(llm, data, format_fn, output_dir, **kwargs):
    args = TrainingArguments(
        output_dir=str(HERE / output_dir),
        per_device_train_batch_size=32,
        num_train_epochs=kwargs.get("epochs", 5),
        learning_rate=kwargs.get("lr", 7e-4),
        save_strategy="no",
        report_to="none",
    )
    trainer = Trainer(model=llm.model, args=args, train_dataset=TokenizedDataset(llm.tokenizer, data, format_fn))
    trainer.train()
    trainer.save_model(str(HERE / output_dir))


def train_model(output_dir="sft_model", **kwargs):
    llm = SFTModel()
    llm.model = start(llm.model, RANK)
    fit(llm, Dataset("train"), format_example, output_dir, **kwargs)
    test_model(output_dir)


def test_model(ckpt_path="sft_model"):
    result = benchmark(restore(SFTModel(), ckpt_path, RANK), Dataset("valid"), 100)
    print("accuracy", result.accuracy, "rate", result.answer_rate)


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
