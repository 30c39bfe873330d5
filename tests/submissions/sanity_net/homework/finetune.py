"""python -m homework.finetune --stage sft --epochs 5"""
import argparse
import math

from peft import LoraConfig, TaskType, get_peft_model
from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments

from .app import PKG, Dataset, RFTModel, SFTModel, benchmark, load_rft, load_sft


def parse_args():
    p = argparse.ArgumentParser()
    p.add_argument("--stage", choices=("sft", "rft"), default="sft")
    p.add_argument("--epochs", type=int, default=5)
    p.add_argument("--rank", type=int, default=8)
    p.add_argument("--lr", type=float, default=6e-4)
    return p.parse_args()


def encode(tok, q, a):
    q = tok(q)["input_ids"]
    a = tok(a + tok.eos_token)["input_ids"]
    return dict(input_ids=q + a, attention_mask=[1] * len(q + a), labels=[-100] * len(q) + a)


def main():
    args = parse_args()
    if args.stage == "sft":
        llm, rows = SFTModel(), [(q, f"{a:.6g}</answer>") for q, a in Dataset("train")]
    else:
        llm, rows = RFTModel(), [(q, " " + r) for q, _, r in Dataset("rft")]
    folder = str(PKG / f"{args.stage}_model")
    model = get_peft_model(
        llm.model,
        LoraConfig(TaskType.CAUSAL_LM, r=args.rank, lora_alpha=4 * args.rank, target_modules="all-linear", inference_mode=False),
    )
    trainer = Trainer(
        model,
        TrainingArguments(folder, num_train_epochs=args.epochs, learning_rate=args.lr, per_device_train_batch_size=32, logging_nan_inf_filter=False),
        DataCollatorForSeq2Seq(llm.tokenizer),
        [encode(llm.tokenizer, llm.format_prompt(q), a) for q, a in rows],
    )
    out = trainer.train()
    assert math.isfinite(out.training_loss), out
    model.save_pretrained(folder)
    print(benchmark({"sft": load_sft, "rft": load_rft}[args.stage](), Dataset("valid"), 100))


if __name__ == "__main__":
    main()
