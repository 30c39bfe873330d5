"""What SFT and RFT have in common."""

from pathlib import Path

import click
import torch

from .data import Dataset, benchmark, error_report

HERE = Path(__file__).resolve().parent


def attach_adapter(llm, folder):
    from peft import PeftModel

    folder = Path(folder)
    present = [n for n in ("adapter_model.safetensors", "adapter_model.bin") if (folder / n).is_file()]
    if not present:
        raise click.ClickException(f"{folder}: neither adapter_model.safetensors nor adapter_model.bin is there")
    llm.model = PeftModel.from_pretrained(llm.model, str(folder), is_trainable=False)
    llm.model.to(llm.device)
    llm.model.eval()
    return llm


def tune(llm, rows, output_dir, *, rank, learning_rate, epochs, max_length):
    """`rows`: dicts with a prompt and a completion. Only the completion is learnt."""
    from datasets import Dataset as HFDataset
    from peft import LoraConfig
    from trl import SFTConfig, SFTTrainer

    eos = llm.tokenizer.eos_token
    rows = [{"prompt": r["prompt"], "completion": r["completion"] + eos} for r in rows]
    lengths = [len(llm.tokenizer(r["prompt"] + r["completion"])["input_ids"]) for r in rows]
    rows = [r for r, n in zip(rows, lengths) if n <= max_length]
    click.echo(f"{len(rows)} of {len(lengths)} rows are at most {max_length} tokens long")
    if not rows:
        raise click.ClickException("nothing to train on")

    has_bf16 = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    args = SFTConfig(
        output_dir=str(output_dir),
        max_length=max_length,
        completion_only_loss=True,
        packing=False,
        per_device_train_batch_size=16,
        gradient_accumulation_steps=2,
        gradient_checkpointing=False,
        num_train_epochs=epochs,
        learning_rate=learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=8,
        max_grad_norm=1.0,
        bf16=has_bf16,
        fp16=False,
        logging_steps=10,
        logging_nan_inf_filter=False,
        save_strategy="no",
        report_to="none",
        seed=3,
    )
    lora = LoraConfig(
        task_type="CAUSAL_LM",
        r=rank,
        lora_alpha=4 * rank,
        lora_dropout=0.05,
        target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        inference_mode=False,
    )
    # A right-padded copy for the trainer: llm.tokenizer itself stays on the left for generation.
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(llm.tokenizer.name_or_path, padding_side="right")
    trainer = SFTTrainer(
        model=llm.model,
        args=args,
        train_dataset=HFDataset.from_list(rows),
        processing_class=tokenizer,
        peft_config=lora,
    )
    trainer.train()
    # history[-1] is the summary without a "loss"
    losses = [h["loss"] for h in trainer.state.log_history if "loss" in h]
    if any(x != x for x in losses):
        raise click.ClickException(f"the loss became NaN at log {[x != x for x in losses].index(True)}; not saved")
    trainer.save_model(str(output_dir))


def report(llm, rows=100):
    result = benchmark(llm, Dataset("valid"), rows)
    click.echo(f"accuracy={result.accuracy:.3f} answer_rate={result.answer_rate:.3f}; {error_report(result)}")
    return result


def make_cli(train_model, test_model, load, default_dir):
    @click.group(context_settings={"token_normalize_func": lambda t: t.replace("-", "_") if t != "--help" else t})
    def cli():
        pass

    @cli.command()
    @click.option("--output_dir", default=str(default_dir), show_default=True)
    @click.option("--epochs", default=5)
    @click.option("--learning_rate", default=5e-4)
    def train(output_dir, epochs, learning_rate):
        train_model(output_dir, epochs=epochs, learning_rate=learning_rate)

    @cli.command()
    @click.option("--ckpt_path", default=str(default_dir), show_default=True)
    def test(ckpt_path):
        test_model(ckpt_path)

    cli.command("load")(lambda: click.echo(type(load().model).__name__))
    return cli
