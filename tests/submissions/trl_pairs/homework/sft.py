"""
SFT with TRL. TRL masks the prompt by itself (completion_only_loss), so there is no label code here;
tokenize and TokenizedDataset are only used to look at lengths before the run.
"""

from __future__ import annotations

from pathlib import Path

import torch

from .base_llm import BaseLLM
from .data import Dataset, benchmark

MODEL_DIR = Path(__file__).parent / "sft_model"


def format_example(prompt: str, answer: float) -> dict[str, str]:
    return {"question": prompt.strip(), "answer": f"<answer>{round(answer, 3)}</answer>"}


def tokenize(tokenizer, question: str, answer: str):
    tokenizer.padding_side = "right"
    full = tokenizer(f"{question} {answer}{tokenizer.eos_token}")
    start = len(tokenizer(question)["input_ids"])
    full["labels"] = [-100] * start + full["input_ids"][start:]
    return full


class TokenizedDataset:
    def __init__(self, tokenizer, data, format_fn):
        self.tokenizer, self.data, self.format_fn = tokenizer, data, format_fn

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        return tokenize(self.tokenizer, **self.format_fn(*self.data[idx]))


def to_prompt_completion(llm: BaseLLM, data, format_fn):
    """TRL's prompt/completion rows. The prompt goes through format_prompt, as in `answer`."""
    from datasets import Dataset as HFDataset

    rows = []
    for row in data:
        example = format_fn(*row)
        completion = f" {example['answer']}{llm.tokenizer.eos_token}"
        rows.append({"prompt": llm.format_prompt(example["question"]), "completion": completion})
    return HFDataset.from_list(rows)


def run_trl(llm: BaseLLM, data, format_fn, output_dir, *, lora=None, max_length=128, learning_rate=5e-4, epochs=5):
    try:
        from trl import SFTConfig, SFTTrainer
    except ImportError as error:
        raise SystemExit("training needs trl: pip install trl") from error

    lengths = [len(row["input_ids"]) for row in TokenizedDataset(llm.tokenizer, data, format_fn)]
    print(f"{len(lengths)} rows, longest {max(lengths)} tokens, cut at {max_length}")
    if max(lengths) > max_length:
        raise ValueError("max_length would cut answers off")

    config = SFTConfig(
        output_dir=str(output_dir),
        max_length=max_length,
        packing=False,
        completion_only_loss=True,
        per_device_train_batch_size=8,
        gradient_accumulation_steps=4,  # 32 rows per step as in the handout
        num_train_epochs=epochs,
        learning_rate=learning_rate,
        lr_scheduler_type="cosine",
        warmup_ratio=0.05,
        gradient_checkpointing=False,
        bf16=torch.cuda.is_available() and torch.cuda.is_bf16_supported(),
        fp16=False,
        logging_steps=5,
        logging_nan_inf_filter=False,
        save_strategy="no",
        report_to="none",
    )
    trainer = SFTTrainer(
        model=llm.model,
        args=config,
        train_dataset=to_prompt_completion(llm, data, format_fn),
        processing_class=llm.tokenizer,
        peft_config=lora,
    )
    trainer.model.print_trainable_parameters()
    trainer.train()
    trainer.save_model(str(output_dir))


def lora_config(r: int = 8):
    from peft import LoraConfig

    return LoraConfig(r=r, lora_alpha=4 * r, lora_dropout=0.1, target_modules="all-linear", task_type="CAUSAL_LM")


def load_from(path, is_trainable: bool = False) -> BaseLLM:
    from peft import PeftModel

    if not (Path(path) / "adapter_config.json").exists():
        raise FileNotFoundError(f"{path} holds no adapter, run the training first")
    llm = BaseLLM()
    llm.model = PeftModel.from_pretrained(llm.model, str(path), is_trainable=is_trainable).to(llm.device)
    if not is_trainable:
        llm.model.eval()
    return llm


def load() -> BaseLLM:
    return load_from(MODEL_DIR)


def train_model(output_dir: str | Path = MODEL_DIR, r: int = 8, **kwargs):
    run_trl(BaseLLM(), Dataset("train"), format_example, output_dir, lora=lora_config(r), **kwargs)
    test_model(output_dir)


def test_model(ckpt_path: str | Path = MODEL_DIR):
    result = benchmark(load_from(ckpt_path), Dataset("valid"), 100)
    print(f"{result.accuracy=}  {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
