from pathlib import Path

from .base_llm import BaseLLM
from .data import Dataset, benchmark

MODEL_DIR = Path(__file__).parent / "sft_model"


def load() -> BaseLLM:
    from peft import PeftModel

    llm = BaseLLM()
    llm.model = PeftModel.from_pretrained(llm.model, MODEL_DIR).to(llm.device)
    llm.model.eval()
    return llm


def tokenize(tokenizer, question: str, answer: str):
    full_text = f"{question} {answer}{tokenizer.eos_token}"

    tokenizer.padding_side = "right"
    tokenizer.pad_token = tokenizer.eos_token
    full = tokenizer(full_text, padding="max_length", truncation=True, max_length=128)

    input_ids = full["input_ids"]
    question_len = len(tokenizer(question)["input_ids"])
    labels = [-100] * question_len + input_ids[question_len:]
    for i in range(len(labels)):
        if full["attention_mask"][i] == 0:
            labels[i] = -100
    full["labels"] = labels
    return full


def format_example(prompt: str, answer: float) -> dict[str, str]:
    # "Q <answer>12</answer>": tokenize() puts the blank between the two
    return {"question": prompt.strip(), "answer": f"<answer>{round(float(answer), 4)}</answer>"}


class TokenizedDataset:
    def __init__(self, tokenizer, data: Dataset, format_fn):
        self.format_fn = format_fn
        self.tokenizer = tokenizer
        self.data = data

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        return tokenize(self.tokenizer, **self.format_fn(*self.data[idx][:2]))


def fit(llm, dataset, output_dir, rank, **kwargs):
    from peft import LoraConfig, get_peft_model
    from transformers import Trainer, TrainingArguments, default_data_collator

    config = LoraConfig(
        r=rank, lora_alpha=rank * 4, target_modules="all-linear", bias="none", task_type="CAUSAL_LM"
    )
    model = get_peft_model(llm.model, config)
    model.enable_input_require_grads()
    defaults = dict(
        num_train_epochs=5,
        per_device_train_batch_size=32,
        learning_rate=7e-4,
        gradient_checkpointing=True,
        logging_steps=10,
        report_to="tensorboard",
    )
    args = TrainingArguments(output_dir=str(output_dir), **(defaults | kwargs))
    trainer = Trainer(model=model, args=args, train_dataset=dataset, data_collator=default_data_collator)
    trainer.train()
    trainer.save_model(str(output_dir))


def train_model(output_dir: str = str(MODEL_DIR), **kwargs):
    llm = BaseLLM()
    fit(llm, TokenizedDataset(llm.tokenizer, Dataset("train"), format_example), output_dir, rank=4, **kwargs)
    test_model(output_dir)


def test_model(ckpt_path: str = str(MODEL_DIR)):
    from peft import PeftModel

    llm = BaseLLM()
    llm.model = PeftModel.from_pretrained(llm.model, ckpt_path).to(llm.device)
    result = benchmark(llm, Dataset("valid"), 100)
    print(f"{result.accuracy=}  {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
