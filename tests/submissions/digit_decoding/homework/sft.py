from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from torch.utils.data import DataLoader
from transformers import get_cosine_schedule_with_warmup

from .base_llm import BaseLLM
from .data import Dataset
from .decoding import DigitsOnly
from .evaluate import report

try:
    import bitsandbytes as bnb
except ImportError:
    bnb = None

OUTPUT = Path(__file__).resolve().parent / "sft_model"


class SFTModel(BaseLLM):
    max_new_tokens = 20

    def __init__(self):
        super().__init__()
        self.processors = (DigitsOnly(self.tokenizer, self.model.config.vocab_size),)

    def format_prompt(self, question):
        return f"{question.strip()} <answer>"


def add_adapter(llm, path):
    if not (Path(path) / "adapter_model.safetensors").exists() and not (Path(path) / "adapter_model.bin").exists():
        raise FileNotFoundError(f"no trained adapter under {path}")
    llm.model = PeftModel.from_pretrained(llm.model, path)
    return llm.for_inference()


def load():
    return add_adapter(SFTModel(), OUTPUT)


def format_example(prompt, answer):
    return {"question": f"{prompt.strip()} <answer>", "answer": f"{round(answer, 3):.8g}</answer>"}


def tokenize(tokenizer, question, answer):
    q, a = tokenizer([question, answer])["input_ids"]
    a = a + [tokenizer.eos_token_id]
    return {"input_ids": torch.tensor(q + a), "labels": torch.tensor([-100] * len(q) + a)}


class TokenizedDataset(torch.utils.data.Dataset):
    def __init__(self, tokenizer, data, format_fn):
        self.tokenizer, self.data, self.format_fn = tokenizer, data, format_fn

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        return tokenize(self.tokenizer, **self.format_fn(*self.data[idx]))


def pad_batch(rows, pad_id):
    pad = torch.nn.utils.rnn.pad_sequence
    return {
        "input_ids": pad([r["input_ids"] for r in rows], batch_first=True, padding_value=pad_id),
        "labels": pad([r["labels"] for r in rows], batch_first=True, padding_value=-100),
        "attention_mask": pad([torch.ones_like(r["input_ids"]) for r in rows], batch_first=True, padding_value=0),
    }


def make_optimizer(model, lr):
    params = [p for p in model.parameters() if p.requires_grad]
    if not params:
        raise RuntimeError("no trainable parameter")
    if bnb is not None and torch.cuda.is_available():
        return bnb.optim.AdamW8bit(params, lr=lr)
    return torch.optim.AdamW(params, lr=lr)


def run(llm, dataset, output_dir, rank, lr, epochs, average_last=3):
    config = LoraConfig(r=rank, lora_alpha=4 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(llm.model, config)
    model.print_trainable_parameters()
    pad_id = llm.tokenizer.pad_token_id
    loader = DataLoader(dataset, batch_size=32, shuffle=True, collate_fn=lambda rows: pad_batch(rows, pad_id))
    optimizer = make_optimizer(model, lr)
    schedule = get_cosine_schedule_with_warmup(optimizer, len(loader) // 4, epochs * len(loader))
    bf16 = llm.device.type == "cuda" and torch.cuda.is_bf16_supported()

    snapshots = []
    model.train()
    for epoch in range(epochs):
        total = 0.0
        for batch in loader:
            batch = {k: v.to(llm.device) for k, v in batch.items()}
            with torch.autocast(llm.device.type, dtype=torch.bfloat16, enabled=bf16):
                loss = model(**batch).loss
            if not torch.isfinite(loss):
                raise FloatingPointError(f"loss is {loss.item()} in epoch {epoch}")
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
            total += loss.item()
        print(f"epoch {epoch + 1}: loss {total / len(loader):.4f}")
        snapshots.append({k: v.detach().cpu().clone() for k, v in get_peft_model_state_dict(model).items()})

    last = snapshots[-average_last:]
    mean = {k: torch.stack([s[k].float() for s in last]).mean(0) for k in last[0]}
    set_peft_model_state_dict(model, mean)
    model.save_pretrained(output_dir)


def train_model(output_dir=OUTPUT, lr=7e-4, epochs=6):
    llm = SFTModel()
    run(llm, TokenizedDataset(llm.tokenizer, Dataset("train"), format_example), output_dir, 8, lr, epochs)
    test_model(output_dir)


def test_model(ckpt_path=OUTPUT):
    report(add_adapter(SFTModel(), ckpt_path))


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
