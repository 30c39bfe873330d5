from pathlib import Path

import torch

from .base_llm import BaseLLM
from .data import Dataset, benchmark

MODEL_NAME = "sft_model"
LORA_RANK = 8
MAX_LENGTH = 128


def load() -> BaseLLM:
    from peft import PeftModel

    model_path = Path(__file__).parent / MODEL_NAME
    llm = BaseLLM()
    llm.model = PeftModel.from_pretrained(llm.model, model_path).to(llm.device)
    llm.model.eval()
    return llm


def tokenize(tokenizer, question: str, answer: str):
    """
    Tokenize one example; the loss is only on the answer and the final end-of-text.
    """
    full_text = f"{question} {answer}{tokenizer.eos_token}"

    tokenizer.padding_side = "right"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    full = tokenizer(full_text, padding="max_length", truncation=True, max_length=MAX_LENGTH)

    input_ids = full["input_ids"]
    question_len = len(tokenizer(question)["input_ids"])

    labels = [-100] * question_len + input_ids[question_len:]
    # Mask by attention, not by token id: pad and end-of-text are the same token here,
    # and the model would never learn to stop if the real one were masked as well.
    for i, seen in enumerate(full["attention_mask"]):
        if seen == 0:
            labels[i] = -100

    full["labels"] = labels
    return full


def format_example(prompt: str, answer: float) -> dict[str, str]:
    return {"question": prompt.strip(), "answer": f"<answer>{round(float(answer), 3)}</answer>"}


class TokenizedDataset:
    def __init__(self, tokenizer, data: Dataset, format_fn):
        self.format_fn = format_fn
        self.tokenizer = tokenizer
        self.data = data

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        formatted = self.format_fn(*self.data[idx])
        return tokenize(self.tokenizer, **formatted)


def run_training(llm, dataset, output_dir: str, rank: int, learning_rate: float, epochs: int):
    from peft import LoraConfig, get_peft_model
    from transformers import Trainer, TrainingArguments, default_data_collator

    config = LoraConfig(
        task_type="CAUSAL_LM",
        target_modules="all-linear",
        bias="none",
        r=rank,
        lora_alpha=4 * rank,
        lora_dropout=0.05,
    )
    llm.model = get_peft_model(llm.model, config)
    llm.model.enable_input_require_grads()
    llm.model.print_trainable_parameters()

    # bf16 autocast where the card can do it, plain fp32 otherwise. fp16 is not an option
    # on purpose: it overflowed on the T4 and I could not tell from the loss.
    bf16 = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    args = TrainingArguments(
        output_dir=output_dir,
        logging_dir=output_dir,
        report_to="tensorboard",
        gradient_checkpointing=True,
        gradient_checkpointing_kwargs={"use_reentrant": False},
        learning_rate=learning_rate,
        lr_scheduler_type="cosine",
        warmup_ratio=0.03,
        max_grad_norm=1.0,
        num_train_epochs=epochs,
        per_device_train_batch_size=32,
        bf16=bf16,
        logging_steps=5,
        logging_nan_inf_filter=False,
        save_strategy="no",
        label_names=["labels"],
        seed=7,
    )
    trainer = Trainer(model=llm.model, args=args, train_dataset=dataset, data_collator=default_data_collator)
    trainer.train()
    trainer.save_model(output_dir)


def train_model(output_dir: str = str(Path(__file__).parent / MODEL_NAME), **kwargs):
    llm = BaseLLM()
    dataset = TokenizedDataset(llm.tokenizer, Dataset("train"), format_example)
    run_training(llm, dataset, output_dir, LORA_RANK, kwargs.get("learning_rate", 7e-4), kwargs.get("epochs", 5))
    test_model(output_dir)


def test_model(ckpt_path: str = str(Path(__file__).parent / MODEL_NAME)):
    from peft import PeftModel

    testset = Dataset("valid")
    llm = BaseLLM()
    llm.model = PeftModel.from_pretrained(llm.model, ckpt_path).to(llm.device)
    benchmark_result = benchmark(llm, testset, 100)
    print(f"{benchmark_result.accuracy=}  {benchmark_result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
