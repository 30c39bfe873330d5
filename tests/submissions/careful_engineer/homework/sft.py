import math
from pathlib import Path

import torch
from transformers import Trainer, TrainerCallback, TrainingArguments

from . import manifest
from .base_llm import BaseLLM
from .data import Dataset, benchmark

MODEL_DIR = Path(__file__).resolve().parent / "sft_model"


class StopOnNaN(TrainerCallback):
    def __init__(self, keys=("loss", "grad_norm")):
        self.keys = keys

    def on_log(self, args, state, control, logs=None, **kwargs):
        for key in self.keys:
            value = (logs or {}).get(key)
            if value is not None and not math.isfinite(float(value)):
                raise FloatingPointError(f"{key} is {value} at step {state.global_step}")


def tokenize(tokenizer, question: str, answer: str, max_length: int = 128):
    tokenizer.padding_side = "right"
    full = tokenizer(
        f"{question} {answer}{tokenizer.eos_token}", padding="max_length", truncation=True, max_length=max_length
    )
    prompt_length = len(tokenizer(question)["input_ids"])
    ids, mask = full["input_ids"], full["attention_mask"]
    labels = [t if i >= prompt_length and m else -100 for i, (t, m) in enumerate(zip(ids, mask))]
    kept = [t for t in labels if t != -100]
    if not kept or kept[-1] != tokenizer.eos_token_id:
        raise ValueError(f"answer cut off at {max_length} tokens: {question!r}")
    full["labels"] = labels
    return full


def format_example(prompt: str, answer: float) -> dict[str, str]:
    if not math.isfinite(answer):
        raise ValueError(f"no number for {prompt!r}")
    return {"question": prompt.strip(), "answer": f"<answer>{round(answer, 3)}</answer>"}


class TokenizedDataset:
    def __init__(self, tokenizer, data, format_fn, max_length: int = 128):
        self.tokenizer, self.data, self.format_fn, self.max_length = tokenizer, data, format_fn, max_length

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        return tokenize(self.tokenizer, **self.format_fn(*self.data[index]), max_length=self.max_length)


def precision(wish: str) -> dict[str, bool]:
    """auto never ends in fp16; who wants fp16 has to say so and to have CUDA (the scaler needs it)."""
    cuda = torch.cuda.is_available()
    if wish == "auto":
        return {"bf16": cuda and torch.cuda.is_bf16_supported(), "fp16": False}
    if wish == "fp32":
        return {"bf16": False, "fp16": False}
    if wish not in ("bf16", "fp16"):
        raise ValueError(f"precision {wish!r} is not one of auto, fp32, bf16, fp16")
    if not cuda or (wish == "bf16" and not torch.cuda.is_bf16_supported()):
        raise RuntimeError(f"{wish} is not to be had on this machine")
    return {"bf16": wish == "bf16", "fp16": wish == "fp16"}


def check_disjoint(rows):
    valid = {question.strip().lower() for question, *_ in Dataset("valid").data}
    shared = [row[0] for row in rows if row[0].strip().lower() in valid]
    if len(shared) > 0.05 * len(rows):  # a few questions may meet by chance
        raise ValueError(f"{len(shared)} training rows are validation rows too, first: {shared[0]!r}")


def fit(rows, format_fn, output_dir, *, r, max_length, lr=7e-4, epochs=5, dtype="auto", force=False, seed=1):
    from peft import LoraConfig, get_peft_model

    output_dir = Path(output_dir).resolve()
    if (output_dir / "adapter_config.json").exists() and not force:
        raise FileExistsError(f"{output_dir} holds an adapter; --force trains over it")
    if len(rows) == 0:
        raise ValueError("no training rows")
    check_disjoint(rows)

    llm = BaseLLM()
    config = LoraConfig(r=r, lora_alpha=4 * r, lora_dropout=0.05, target_modules="all-linear", task_type="CAUSAL_LM")
    llm.model = get_peft_model(llm.model, config)
    llm.model.enable_input_require_grads()
    wrong = [n for n, p in llm.model.named_parameters() if p.requires_grad != ("lora_" in n)]
    if wrong:
        raise RuntimeError(f"requires_grad is wrong for {wrong[:3]}")

    arguments = TrainingArguments(
        output_dir=str(output_dir),
        per_device_train_batch_size=16,
        gradient_accumulation_steps=2,
        num_train_epochs=epochs,
        learning_rate=lr,
        lr_scheduler_type="cosine",
        warmup_ratio=0.05,
        max_grad_norm=1.0,
        gradient_checkpointing=True,
        gradient_checkpointing_kwargs={"use_reentrant": False},
        logging_nan_inf_filter=False,
        logging_steps=5,
        save_strategy="no",
        report_to="none",
        label_names=["labels"],
        seed=seed,
        **precision(dtype),
    )
    dataset = TokenizedDataset(llm.tokenizer, rows, format_fn, max_length)
    # the scaler's first skipped steps log an inf norm, that is how it finds its scale
    callbacks = [StopOnNaN(keys=("loss",)) if dtype == "fp16" else StopOnNaN()]
    Trainer(model=llm.model, args=arguments, train_dataset=dataset, callbacks=callbacks).train()

    for name, tensor in llm.model.named_parameters():
        if "lora_B" in name and (not torch.isfinite(tensor).all() or not tensor.any()):
            raise RuntimeError(f"{name} is not trained")
    llm.model.save_pretrained(str(output_dir))
    manifest.write(output_dir, llm, rows=len(rows), epochs=epochs, lr=lr)


def load_adapter(directory) -> BaseLLM:
    from peft import PeftModel

    directory = Path(directory).resolve()
    llm = BaseLLM()
    manifest.check(directory, llm)
    llm.model = PeftModel.from_pretrained(llm.model, str(directory)).to(llm.device)
    llm.model.eval()
    return llm


def load() -> BaseLLM:
    return load_adapter(MODEL_DIR)


def train_model(output_dir: str = str(MODEL_DIR), **kwargs):
    fit(Dataset("train").data, format_example, output_dir, r=8, max_length=128, **kwargs)
    test_model(output_dir)


def test_model(ckpt_path: str = str(MODEL_DIR)):
    result = benchmark(load_adapter(ckpt_path), Dataset("valid"), 100)
    print(f"{result.accuracy=}  {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
