from pathlib import Path

import torch

from .base_llm import BaseLLM
from .config import PARAMETER_BUDGET, RunConfig
from .data import Dataset, benchmark


def tokenize(tokenizer, question: str, answer: str, max_length: int = 128):
    tokenizer.padding_side = "right"
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    full = tokenizer(
        f"{question} {answer}{tokenizer.eos_token}", padding="max_length", truncation=True, max_length=max_length
    )
    prompt_length = len(tokenizer(question)["input_ids"])
    full["labels"] = [
        token if position >= prompt_length and attended else -100
        for position, (token, attended) in enumerate(zip(full["input_ids"], full["attention_mask"]))
    ]
    return full


class TokenizedDataset:
    def __init__(self, tokenizer, data, format_fn, max_length: int = 128):
        self.tokenizer, self.data, self.format_fn, self.max_length = tokenizer, data, format_fn, max_length

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        return tokenize(self.tokenizer, **self.format_fn(*self.data[index]), max_length=self.max_length)


def make_callback(llm, rows: int):
    """Answers some training rows after each epoch; greedy, so it does not touch the random state."""
    from transformers import TrainerCallback

    class AnswerRate(TrainerCallback):
        def on_epoch_end(self, args, state, control, model=None, **kwargs):
            model.eval()
            cached, model.config.use_cache = model.config.use_cache, True
            result = benchmark(llm, Dataset("train"), rows)
            model.config.use_cache = cached
            model.train()
            print(f"epoch {state.epoch:.0f}: {result.accuracy=} {result.answer_rate=}")

    return AnswerRate()


def check_budget(model):
    total = sum(p.numel() for p in model.parameters())
    if total > PARAMETER_BUDGET:
        raise ValueError(f"{total:,} parameters, {PARAMETER_BUDGET:,} are allowed")


def train(run: RunConfig, format_fn):
    from peft import get_peft_model
    from transformers import Trainer, TrainingArguments

    optim = run.optim
    if optim.fp16 and not torch.cuda.is_available():
        raise ValueError("fp16 needs CUDA")
    llm = BaseLLM(config=run.model)
    model = get_peft_model(llm.model, run.adapter.to_peft())
    check_budget(model)
    if optim.checkpointing:
        model.enable_input_require_grads()
    llm.model = model

    arguments = TrainingArguments(
        output_dir=str(run.output_dir),
        per_device_train_batch_size=optim.batch_size,
        gradient_accumulation_steps=optim.accumulation,
        num_train_epochs=optim.epochs,
        learning_rate=optim.learning_rate,
        lr_scheduler_type="cosine",
        warmup_ratio=optim.warmup_ratio,
        max_grad_norm=1.0,
        gradient_checkpointing=optim.checkpointing,
        bf16=not optim.fp16 and torch.cuda.is_available() and torch.cuda.is_bf16_supported(),
        fp16=optim.fp16,
        seed=optim.seed,
        save_strategy="no",
        logging_steps=10,
        report_to="none",
    )
    rows = TokenizedDataset(llm.tokenizer, Dataset(run.split), format_fn, run.max_length)
    callback = make_callback(llm, run.eval_rows)
    Trainer(model=model, args=arguments, train_dataset=rows, callbacks=[callback]).train()
    model.save_pretrained(str(run.output_dir))
    run.dump(run.output_dir)


def load_run(run: RunConfig, directory=None) -> BaseLLM:
    from peft import PeftModel

    directory = Path(directory or run.output_dir)
    weights = [directory / f"adapter_model.{suffix}" for suffix in ("safetensors", "bin")]
    if not any(path.exists() for path in weights):
        raise FileNotFoundError(f"no adapter weights in {directory}")
    llm = BaseLLM(config=run.model)
    llm.model = PeftModel.from_pretrained(llm.model, str(directory)).to(llm.device)
    llm.model.eval()
    return llm


def test_run(run: RunConfig, directory=None):
    result = benchmark(load_run(run, directory), Dataset("valid"), 100)
    print(f"{run.name}: {result.accuracy=}  {result.answer_rate=}")
