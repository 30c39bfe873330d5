from pathlib import Path

from .base_llm import BaseLLM
from .data import Dataset, benchmark

HERE = Path(__file__).resolve().parent


def _adapter_dir(path) -> Path:
    """Where the adapter lies; says so when it is not there (and never makes a new one)."""
    path = Path(path)
    if not path.is_absolute() and not path.exists():
        path = HERE / path.name
    names = ("adapter_model.safetensors", "adapter_model.bin")
    if not any((path / n).is_file() for n in names):
        raise FileNotFoundError(f"no adapter in {path}: run `python -m homework.sft train` first")
    return path


def load() -> BaseLLM:
    from peft import PeftModel

    llm = BaseLLM()
    llm.model = PeftModel.from_pretrained(llm.model, _adapter_dir(HERE / "sft_model")).to(llm.device)
    llm.model.eval()
    return llm


def tokenize(tokenizer, question: str, answer: str):
    # left padding here as well, so the tokenizer keeps one setting for its whole life
    full = tokenizer(
        f"{question}{answer}{tokenizer.eos_token}", padding="max_length", truncation=True, max_length=96
    )
    n_answer = len(tokenizer(f"{answer}{tokenizer.eos_token}")["input_ids"])
    ids = full["input_ids"]
    labels = [-100] * (len(ids) - n_answer) + ids[-n_answer:]
    full["labels"] = labels
    return full


def format_example(prompt: str, answer: float) -> dict[str, str]:
    # same text as BaseLLM.format_prompt
    return {"question": f"{prompt.strip()} <answer>", "answer": f"{round(answer, 3):g}</answer>"}


class TokenizedDataset:
    def __init__(self, tokenizer, data, format_fn):
        self.tokenizer, self.data, self.format_fn = tokenizer, data, format_fn

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        return tokenize(self.tokenizer, **self.format_fn(*self.data[idx]))


def precision_args(precision: str) -> dict:
    """fp32 unless the user asks. fp16 goes through the scaler of the Trainer and wants CUDA."""
    import torch

    if precision == "fp32":
        return {}
    if precision == "bf16":
        return {"bf16": True}
    if precision == "fp16":
        if not torch.cuda.is_available():
            raise SystemExit("--precision=fp16 needs a CUDA device")
        return {"fp16": True, "fp16_full_eval": False}
    raise SystemExit(f"unknown precision {precision}")


def train_model(output_dir: str = "sft_model", precision: str = "fp32", augment: int = 0, epochs: int = 5, **kwargs):
    from peft import LoraConfig, get_peft_model
    from transformers import Trainer, TrainingArguments

    llm = BaseLLM()
    # rank 64 looks like a lot, but on q and v only it is 6.5 M parameters
    lora = LoraConfig(
        task_type="CAUSAL_LM", r=64, lora_alpha=128, target_modules=["q_proj", "v_proj"], inference_mode=False
    )
    llm.model = get_peft_model(llm.model, lora)

    rows = [list(r) for r in Dataset("train")]
    if augment:
        from .conversion import extra_rows

        rows += extra_rows(augment)

    out = str(HERE / Path(output_dir).name)
    args = TrainingArguments(
        output_dir=out,
        learning_rate=1e-3,
        lr_scheduler_type="cosine",
        num_train_epochs=epochs,
        per_device_train_batch_size=32,
        report_to="none",
        save_strategy="no",
        **precision_args(precision),
    )
    Trainer(model=llm.model, args=args, train_dataset=TokenizedDataset(llm.tokenizer, rows, format_example)).train()
    llm.model.save_pretrained(out)
    test_model(out)


def test_model(ckpt_path: str = "sft_model"):
    from peft import PeftModel

    llm = BaseLLM()
    llm.model = PeftModel.from_pretrained(llm.model, _adapter_dir(ckpt_path)).to(llm.device).eval()
    result = benchmark(llm, Dataset("valid"), 100)
    nans = sum(s.answer != s.answer for s in result.samples)
    print(f"{result.accuracy=}  {result.answer_rate=}  unparsed={nans}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
