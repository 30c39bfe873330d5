from pathlib import Path

from .base_llm import BaseLLM, device
from .data import Dataset, benchmark
from .memory import free_memory, is_oom, report

EFFECTIVE_BATCH = 32


def load_adapter(path) -> BaseLLM:
    import torch
    from peft import PeftModel

    path = Path(path)
    if not (path / "adapter_config.json").exists():
        raise FileNotFoundError(f"no adapter in {path}")

    # half the memory, and generation is a lot faster
    llm = BaseLLM(dtype=torch.float16 if device == "cuda" else torch.float32)
    llm.model = PeftModel.from_pretrained(llm.model, str(path)).to(llm.device)
    llm.model.eval()
    return llm


def load() -> BaseLLM:
    return load_adapter(Path(__file__).parent / "sft_model")


def tokenize(tokenizer, question: str, answer: str, max_length: int = 96):
    full_text = f"{question} {answer}{tokenizer.eos_token}"

    tokenizer.padding_side = "right"
    tokenizer.pad_token = tokenizer.eos_token
    full = tokenizer(full_text, padding="max_length", truncation=True, max_length=max_length)

    input_ids = full["input_ids"]
    question_len = len(tokenizer(question)["input_ids"])
    labels = [-100] * question_len + input_ids[question_len:]
    for i in range(len(labels)):
        if full["attention_mask"][i] == 0:
            labels[i] = -100
    full["labels"] = labels
    return full


def format_example(prompt: str, answer: float) -> dict[str, str]:
    return {"question": prompt.strip(), "answer": f"<answer>{round(answer, 3)}</answer>"}


class TokenizedDataset:
    def __init__(self, tokenizer, data, format_fn, max_length: int = 96):
        self.tokenizer = tokenizer
        self.data = data
        self.format_fn = format_fn
        self.max_length = max_length

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        return tokenize(self.tokenizer, **self.format_fn(*self.data[idx]), max_length=self.max_length)


def precision_options() -> dict:
    import torch

    if device == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return {"bf16": True}
    if device == "cuda":
        return {"fp16": True}
    return {}


def fit(output_dir, rows, format_fn, per_device: int, rank: int, epochs: int, max_length: int):
    """One attempt with one batch size. Everything is built anew, an OOM leaves nothing behind."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import Trainer, TrainingArguments

    llm = BaseLLM(dtype=torch.float32)
    config = LoraConfig(
        r=rank,
        lora_alpha=4 * rank,
        target_modules="all-linear",
        bias="none",
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(llm.model, config)
    model.enable_input_require_grads()
    model.config.use_cache = False
    report("model on device")

    args = TrainingArguments(
        output_dir=str(output_dir),
        per_device_train_batch_size=per_device,
        gradient_accumulation_steps=EFFECTIVE_BATCH // per_device,
        num_train_epochs=epochs,
        learning_rate=5e-4,
        warmup_ratio=0.05,
        max_grad_norm=1.0,
        gradient_checkpointing=True,
        gradient_checkpointing_kwargs={"use_reentrant": False},
        dataloader_pin_memory=False,
        save_strategy="no",
        logging_steps=5,
        report_to="none",
        **precision_options(),
    )
    dataset = TokenizedDataset(llm.tokenizer, rows, format_fn, max_length)
    trainer = Trainer(model=model, args=args, train_dataset=dataset)
    trainer.train()
    trainer.save_model(str(output_dir))
    report("trained")


def train_with_retries(output_dir, rows, format_fn, rank: int, epochs: int, max_length: int):
    for per_device in (16, 8, 4, 2, 1):
        try:
            fit(output_dir, rows, format_fn, per_device, rank, epochs, max_length)
            return
        except RuntimeError as error:
            if not is_oom(error):
                raise
            print(f"batch of {per_device} does not fit, trying a smaller one")
        free_memory()
    raise RuntimeError("does not fit even with one row at a time")


def train_model(output_dir: str = "homework/sft_model", rank: int = 8, epochs: int = 5, **kwargs):
    train_with_retries(output_dir, Dataset("train"), format_example, rank, epochs, max_length=96)
    free_memory()
    test_model(output_dir)


def test_model(ckpt_path: str = "homework/sft_model"):
    llm = load_adapter(ckpt_path)
    result = benchmark(llm, Dataset("valid"), 100)
    print(f"{result.accuracy=}  {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
