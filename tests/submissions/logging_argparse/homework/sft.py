import argparse
import logging
from pathlib import Path

from .base_llm import BaseLLM
from .data import Dataset, benchmark
from .log import setup_logging, timed

logger = logging.getLogger(__name__)

PACKAGE_DIR = Path(__file__).resolve().parent
MODEL_NAME = "sft_model"
DEFAULT_OUTPUT = "homework/sft_model"


def resolve_dir(directory: str) -> Path:
    path = Path(directory).expanduser()
    if not path.is_absolute():
        path = PACKAGE_DIR / path
    path.mkdir(parents=True, exist_ok=True)
    logger.debug("directory %s", path)
    return path


def lora_config(rank: int = 8, alpha: int | None = None, dropout: float = 0.0):
    from peft import LoraConfig

    return LoraConfig(
        r=rank,
        lora_alpha=alpha or 4 * rank,
        lora_dropout=dropout,
        target_modules="all-linear",
        bias="none",
        task_type="CAUSAL_LM",
    )


def load_adapter(name: str) -> BaseLLM:
    from peft import PeftModel, get_peft_model

    llm = BaseLLM()
    adapter_dir = PACKAGE_DIR / name
    if (adapter_dir / "adapter_config.json").exists():
        llm.model = PeftModel.from_pretrained(llm.model, adapter_dir).to(llm.device)
    else:
        llm.model = get_peft_model(llm.model, lora_config()).to(llm.device)
        llm.model.save_pretrained(adapter_dir)
    llm.model.eval()
    return llm


def load() -> BaseLLM:
    return load_adapter(MODEL_NAME)


def tokenize(tokenizer, question: str, answer: str):
    full_text = f"{question} {answer}{tokenizer.eos_token}"

    tokenizer.padding_side = "right"
    tokenizer.pad_token = tokenizer.eos_token
    full = tokenizer(full_text, padding="max_length", truncation=True, max_length=160)

    input_ids = full["input_ids"]
    question_len = len(tokenizer(question)["input_ids"])
    labels = [-100] * question_len + input_ids[question_len:]
    full["labels"] = [label if keep else -100 for label, keep in zip(labels, full["attention_mask"])]
    return full


def format_example(prompt: str, answer: float) -> dict[str, str]:
    return {"question": prompt.strip(), "answer": f"<answer>{round(answer, 3)}</answer>"}


class TokenizedDataset:
    def __init__(self, tokenizer, data, format_fn):
        self.tokenizer = tokenizer
        self.data = data
        self.format_fn = format_fn

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        return tokenize(self.tokenizer, **self.format_fn(*self.data[idx]))


def train_model(
    output_dir: str = DEFAULT_OUTPUT,
    rows=None,
    format_fn=format_example,
    rank: int = 8,
    alpha: int | None = None,
    dropout: float = 0.05,
    learning_rate: float = 7e-4,
    epochs: int = 5,
    batch_size: int = 32,
    seed: int = 0,
):
    import torch
    from peft import get_peft_model
    from transformers import Trainer, TrainingArguments, set_seed

    set_seed(seed)
    target = resolve_dir(output_dir)

    llm = BaseLLM()
    model = get_peft_model(llm.model, lora_config(rank, alpha, dropout))
    model.enable_input_require_grads()
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    logger.info("%d trainable of %d parameters", trainable, sum(p.numel() for p in model.parameters()))

    dataset = TokenizedDataset(llm.tokenizer, rows or Dataset("train"), format_fn)
    first = dataset[0]
    logger.info("%d rows; first label text %r", len(dataset), llm.tokenizer.decode([t for t in first["labels"] if t >= 0]))

    arguments = TrainingArguments(
        output_dir=str(target),
        per_device_train_batch_size=batch_size,
        num_train_epochs=epochs,
        learning_rate=learning_rate,
        warmup_ratio=0.03,
        lr_scheduler_type="linear",
        gradient_checkpointing=True,
        bf16=torch.cuda.is_available() and torch.cuda.is_bf16_supported(),
        logging_steps=10,
        logging_nan_inf_filter=False,
        save_strategy="no",
        report_to="none",
        seed=seed,
    )
    trainer = Trainer(model=model, args=arguments, train_dataset=dataset)
    with timed(logger, "training"):
        output = trainer.train()
    logger.info("final loss %.4f", output.training_loss)
    trainer.save_model(str(target))
    logger.info("adapter saved in %s", target)

    test_model(output_dir)


def test_model(ckpt_path: str = DEFAULT_OUTPUT):
    from peft import PeftModel

    llm = BaseLLM()
    llm.model = PeftModel.from_pretrained(llm.model, resolve_dir(ckpt_path)).to(llm.device)
    llm.model.eval()
    result = benchmark(llm, Dataset("valid"), 100)
    logger.info("accuracy %.3f answer rate %.3f", result.accuracy, result.answer_rate)


def parse_args(default_output: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="LoRA fine-tuning of SmolLM2 on unit conversion")
    parser.add_argument("command", choices=["train", "test", "load"])
    parser.add_argument("--output_dir", "--output-dir", "--ckpt_path", default=default_output)
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--alpha", type=int)
    parser.add_argument("--dropout", type=float, default=0.05)
    parser.add_argument("--learning_rate", type=float, default=7e-4)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--logfile")
    parser.add_argument("-v", "--verbose", action="store_true")
    return parser.parse_args()


def training_options(options: argparse.Namespace) -> dict:
    names = ("rank", "alpha", "dropout", "learning_rate", "epochs", "batch_size", "seed")
    return {name: getattr(options, name) for name in names}


def main():
    options = parse_args(DEFAULT_OUTPUT)
    setup_logging(options.verbose, options.logfile)
    if options.command == "train":
        train_model(options.output_dir, **training_options(options))
    elif options.command == "test":
        test_model(options.output_dir)
    else:
        load()


if __name__ == "__main__":
    main()
