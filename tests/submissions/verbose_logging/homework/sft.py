import logging
from pathlib import Path

import torch
from transformers import TrainerCallback

from .base_llm import BaseLLM
from .data import Dataset, benchmark

log = logging.getLogger(__name__)

HERE = Path(__file__).resolve().parent
WEIGHTS = ["adapter_model.safetensors", "adapter_model.bin"]


def adapter_folder(name):
    folder = Path(name)
    if not folder.is_absolute():
        folder = (HERE.parent if folder.parts[0] == HERE.name else HERE) / folder
    log.debug("%r is %s", name, folder.resolve())
    return folder.resolve()


def load_adapter(name):
    from peft import PeftModel

    folder = adapter_folder(name)
    found = [w for w in WEIGHTS if (folder / w).exists()]
    if not found:
        log.error("%s holds %s", folder, sorted(p.name for p in folder.glob("*")))
        raise FileNotFoundError(f"no adapter in {folder}")
    log.info("adapter %s, %.1f MB", folder / found[0], (folder / found[0]).stat().st_size / 1e6)
    llm = BaseLLM()
    llm.model = PeftModel.from_pretrained(llm.model, str(folder)).to(llm.device)
    llm.model.eval()
    norms = [p.detach().norm().item() for n, p in llm.model.named_parameters() if "lora_B" in n]
    log.info("%d lora_B matrices, mean norm %.4f", len(norms), sum(norms) / max(1, len(norms)))
    return llm


def load():
    return load_adapter("sft_model")


def tokenize(tokenizer, question, answer):
    tokenizer.padding_side = "right"  # BaseLLM sets it back to left before it generates
    tokenizer.pad_token = tokenizer.eos_token
    full = tokenizer(f"{question} {answer}{tokenizer.eos_token}", padding="max_length", truncation=True, max_length=120)
    n = len(tokenizer(question)["input_ids"])
    full["labels"] = [
        token if position >= n and seen else -100
        for position, (token, seen) in enumerate(zip(full["input_ids"], full["attention_mask"]))
    ]
    return full


def format_example(prompt, answer):
    return {"question": prompt, "answer": f"<answer>{round(answer, 3)}</answer>"}


class TokenizedDataset:
    def __init__(self, tokenizer, data, format_fn):
        self.tokenizer = tokenizer
        self.data = data
        self.format_fn = format_fn
        row = self[0]
        log.info("first row, what is learnt: %r", tokenizer.decode([t for t in row["labels"] if t != -100]))
        log.debug("first row, all: %r", tokenizer.decode(row["input_ids"]))
        log.debug("%d labels of the first row are masked", row["labels"].count(-100))

    def __len__(self):
        return len(self.data)

    def __getitem__(self, i):
        return tokenize(self.tokenizer, **self.format_fn(*self.data[i]))


class Talkative(TrainerCallback):
    """Logs what happens and stops when a gradient is not finite; changes nothing."""

    def on_train_begin(self, args, state, control, model=None, **kwargs):
        trainable = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
        log.info("%d trainable tensors, dtypes %s", len(trainable), {str(p.dtype) for _, p in trainable})
        if not trainable:
            raise RuntimeError("nothing to train")

    def on_pre_optimizer_step(self, args, state, control, model=None, **kwargs):
        for name, parameter in model.named_parameters():
            if parameter.grad is not None and not torch.isfinite(parameter.grad).all():
                bad = parameter.grad.isnan().sum().item()
                shown = torch.nan_to_num(parameter.grad.detach().clone()).abs().max().item()
                log.critical("step %d: %s has %d NaN in its gradient, the largest other is %g", state.global_step, name, bad, shown)
                raise FloatingPointError(f"gradient of {name} is not finite")

    def on_log(self, args, state, control, logs=None, **kwargs):
        log.info("step %d/%d %s", state.global_step, state.max_steps, logs)

    def on_epoch_end(self, args, state, control, **kwargs):
        log.info("epoch %.2f done", state.epoch)


def lora_config(**changes):
    from peft import LoraConfig

    options = {"task_type": "CAUSAL_LM", "target_modules": "all-linear", "bias": "none", "r": 8, "lora_alpha": 32}
    options.update(changes)
    log.info("LoRA %s", options)
    return LoraConfig(**options)


def fit(config, rows, format_fn, output_dir, **options):
    from peft import get_peft_model
    from transformers import Trainer, TrainingArguments

    folder = adapter_folder(output_dir)
    llm = BaseLLM()
    llm.model = get_peft_model(llm.model, config)
    llm.model.print_trainable_parameters()
    settings = {
        "per_device_train_batch_size": 32,
        "num_train_epochs": 5,
        "learning_rate": 6e-4,
        "lr_scheduler_type": "cosine",
        "warmup_steps": 8,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "save_strategy": "no",
        "report_to": "none",
    } | options
    log.info("training with %s into %s", settings, folder)
    trainer = Trainer(
        model=llm.model,
        args=TrainingArguments(output_dir=str(folder), **settings),
        train_dataset=TokenizedDataset(llm.tokenizer, rows, format_fn),
        callbacks=[Talkative()],
    )
    outcome = trainer.train()
    log.info("done: %s", outcome.metrics)
    trainer.save_model(str(folder))
    log.info("saved: %s", sorted(p.name for p in folder.iterdir()))


def train_model(output_dir="sft_model", **kwargs):
    fit(lora_config(), Dataset("train"), format_example, output_dir, **kwargs)
    test_model(output_dir)


def test_model(ckpt_path="sft_model"):
    result = benchmark(load_adapter(ckpt_path), Dataset("valid"), 100)
    print(f"{result.accuracy=}  {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
