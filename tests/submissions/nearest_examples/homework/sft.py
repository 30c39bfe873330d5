from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import Trainer, TrainingArguments

from .base_llm import BaseLLM
from .data import Dataset, benchmark

MODEL_DIR = Path(__file__).resolve().parent / "sft_model"
MAX_LENGTH = 160


class SFTModel(BaseLLM):
    def format_prompt(self, question: str) -> str:
        return f"{question.strip()} <answer>"


def load() -> SFTModel:
    llm = SFTModel(max_new_tokens=24)
    llm.model = PeftModel.from_pretrained(llm.model, MODEL_DIR).to(llm.device)
    llm.model.eval()
    return llm


def tokenize(tokenizer, question: str, answer: str):
    prompt_ids = tokenizer(question)["input_ids"]
    answer_ids = tokenizer(answer)["input_ids"] + [tokenizer.eos_token_id]
    ids = (prompt_ids + answer_ids)[:MAX_LENGTH]
    labels = ([-100] * len(prompt_ids) + answer_ids)[:MAX_LENGTH]
    fill = MAX_LENGTH - len(ids)
    return {
        "input_ids": ids + [tokenizer.pad_token_id] * fill,
        "attention_mask": [1] * len(ids) + [0] * fill,
        "labels": labels + [-100] * fill,
    }


def format_example(prompt: str, answer: float) -> dict[str, str]:
    return {"question": f"{prompt.strip()} <answer>", "answer": f"{round(answer, 3)}</answer>"}


class TokenizedDataset:
    def __init__(self, tokenizer, data: Dataset, format_fn):
        self.tokenizer = tokenizer
        self.data = data
        self.format_fn = format_fn

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        return tokenize(self.tokenizer, **self.format_fn(*self.data[idx]))


def run_trainer(model, dataset, output_dir, learning_rate, epochs):
    use_bf16 = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    args = TrainingArguments(
        output_dir=str(output_dir),
        logging_dir=str(output_dir),
        report_to="tensorboard",
        learning_rate=learning_rate,
        num_train_epochs=epochs,
        per_device_train_batch_size=32,
        gradient_checkpointing=True,
        gradient_checkpointing_kwargs={"use_reentrant": False},
        warmup_ratio=0.03,
        bf16=use_bf16,
        logging_steps=20,
        save_strategy="no",
    )
    trainer = Trainer(model=model, args=args, train_dataset=dataset)
    trainer.train()
    trainer.save_model(str(output_dir))


def train_model(output_dir: str = str(MODEL_DIR), learning_rate: float = 7e-4, epochs: int = 5):
    llm = SFTModel()
    config = LoraConfig(r=8, lora_alpha=32, target_modules="all-linear", bias="none", task_type="CAUSAL_LM")
    model = get_peft_model(llm.model, config)
    model.enable_input_require_grads()
    model.print_trainable_parameters()
    dataset = TokenizedDataset(llm.tokenizer, Dataset("train"), format_example)
    run_trainer(model, dataset, output_dir, learning_rate, epochs)
    test_model(output_dir)


def test_model(ckpt_path: str = str(MODEL_DIR)):
    llm = SFTModel(max_new_tokens=24)
    llm.model = PeftModel.from_pretrained(llm.model, ckpt_path).to(llm.device)
    llm.model.eval()
    result = benchmark(llm, Dataset("valid"), 100)
    print(f"{result.accuracy=}  {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
