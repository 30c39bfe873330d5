import functools
from pathlib import Path

from peft import LoraConfig, PeftModel, get_peft_model
from transformers import Trainer, TrainingArguments

from .data import Dataset, benchmark
from .deco import steady, timed

HERE = Path(__file__).resolve().parent
WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")


class CourseTrainer(Trainer):
    @steady(start=0.5)
    def compute_loss(self, model, inputs, return_outputs=False, **kwargs):
        return super().compute_loss(model, inputs, return_outputs=return_outputs, **kwargs)


def needs_adapter(fn):
    """The wrapped loader gets a folder that really holds an adapter."""

    @functools.wraps(fn)
    def inner(folder, *args, **kwargs):
        folder = Path(folder)
        if not any((folder / name).exists() for name in WEIGHTS):
            raise FileNotFoundError(f"{folder}: no adapter, train first")
        return fn(folder, *args, **kwargs)

    return inner


@needs_adapter
def attach(folder, llm):
    llm.model = PeftModel.from_pretrained(llm.model, str(folder)).to(llm.device).eval()
    return llm


def tokenize(tokenizer, question, answer):
    tokenizer.padding_side = "right"
    full = tokenizer(question + answer + tokenizer.eos_token, padding="max_length", truncation=True, max_length=160)
    start = len(tokenizer(question)["input_ids"])
    full["labels"] = [
        token if index >= start and seen else -100
        for index, (token, seen) in enumerate(zip(full["input_ids"], full["attention_mask"]))
    ]
    return full


class TokenizedDataset:
    def __init__(self, tokenizer, data, format_fn):
        self.tokenizer, self.data, self.format_fn = tokenizer, data, format_fn

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        return tokenize(self.tokenizer, **self.format_fn(*self.data[idx]))


@timed
def fit(llm, data, format_fn, output_dir, rank, **overrides):
    config = LoraConfig(
        r=rank, lora_alpha=4 * rank, target_modules="all-linear", bias="none", task_type="CAUSAL_LM"
    )
    model = get_peft_model(llm.model, config)
    model.enable_input_require_grads()
    settings = {
        "output_dir": str(output_dir),
        "num_train_epochs": 5,
        "per_device_train_batch_size": 32,
        "learning_rate": 7e-4,
        "lr_scheduler_type": "cosine",
        "logging_steps": 10,
        "save_strategy": "no",
        "report_to": "none",
        **overrides,
    }
    trainer = CourseTrainer(
        model=model,
        args=TrainingArguments(**settings),
        train_dataset=TokenizedDataset(llm.tokenizer, data, format_fn),
    )
    trainer.train()
    trainer.save_model(str(output_dir))


def report(llm):
    result = benchmark(llm, Dataset("valid"), 100)
    print(f"{result.accuracy=} {result.answer_rate=}")
