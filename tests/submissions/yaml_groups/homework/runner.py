from __future__ import annotations

import json
import sys
from pathlib import Path

from peft import LoraConfig, PeftModel, get_peft_model
from transformers import Trainer, TrainingArguments, set_seed

from .config import compose
from .data import DATA, Dataset, benchmark, is_answer_valid
from .llm import CoTModel, TunedLLM
from .precision import trainer_flags

HERE = Path(__file__).resolve().parent
IGNORE = -100


def _rows(cfg):
    if cfg.experiment.rows == "rft":
        for question, answer, reasoning in json.loads((DATA / "rft.json").read_text()):
            yield {"question": question, "answer": answer, "reasoning": reasoning.strip()}
    else:
        for question, answer in Dataset(cfg.experiment.rows).rows:
            yield {"question": question, "answer": f"{round(answer, 3):.10g}", "reasoning": ""}


def _encode(llm, row):
    cfg, tok = llm.cfg, llm.tokenizer
    head = tok(llm.format_prompt(row["question"])).input_ids
    full = tok(llm.format_prompt(row["question"]) + cfg.experiment.target.format(**row)).input_ids
    full = (full + [tok.eos_token_id])[: cfg.data.max_length]
    fill = cfg.data.max_length - len(full)
    return {
        "input_ids": full + [tok.pad_token_id] * fill,
        "attention_mask": [1] * len(full) + [0] * fill,
        "labels": [IGNORE] * len(head) + full[len(head) :] + [IGNORE] * fill,
    }


def train(experiment: str, *overrides: str) -> None:
    cfg = compose(list(overrides), experiment=experiment, stage="train")
    set_seed(cfg.seed)
    llm = TunedLLM(cfg=cfg)
    model = get_peft_model(
        llm.model,
        LoraConfig(
            r=cfg.lora.r,
            lora_alpha=cfg.lora.r * cfg.lora.alpha_ratio,
            lora_dropout=cfg.lora.dropout,
            target_modules=cfg.lora.target,
            task_type="CAUSAL_LM",
        ),
    )
    if cfg.stage.grad_input:
        model.enable_input_require_grads()
    out = str(HERE / cfg.paths.adapter)
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=out,
            num_train_epochs=cfg.optim.epochs,
            per_device_train_batch_size=cfg.optim.batch_size,
            learning_rate=cfg.optim.lr,
            lr_scheduler_type=cfg.optim.schedule,
            warmup_steps=cfg.optim.warmup_steps,
            logging_steps=cfg.logging.every,
            logging_nan_inf_filter=cfg.logging.nan_filter,
            save_strategy="no",
            report_to="none",
            seed=cfg.seed,
            **trainer_flags(cfg.stage.autocast),
        ),
        train_dataset=[_encode(llm, row) for row in _rows(cfg)],
    )
    trainer.train()
    trainer.save_model(out)


def load(experiment: str, where: str | None = None):
    cfg = compose(experiment=experiment, stage="serve")
    folder = Path(where) if where else HERE / cfg.paths.adapter
    if not any((folder / f"adapter_model.{kind}").exists() for kind in ("safetensors", "bin")):
        raise FileNotFoundError(folder)
    llm = TunedLLM(cfg=cfg)
    llm.model = PeftModel.from_pretrained(llm.model, str(folder)).eval()
    return llm


def test(experiment: str, where: str | None = None) -> None:
    result = benchmark(load(experiment, where), Dataset("valid"), 100)
    print(f"{experiment}: accuracy={result.accuracy:.3f} answer_rate={result.answer_rate:.3f}")


def load_sft():
    return load("sft")


def load_rft():
    return load("rft")


def load_cot():
    return CoTModel(cfg=compose(["experiment.room=90"], stage="train"))


def generate_dataset(output_json: str, oversample: int = 10, temperature: float = 0.6) -> None:
    llm, kept = load_cot(), []
    for question, correct in Dataset("train").rows:
        (texts,) = llm.batched_generate([llm.format_prompt(question)], oversample, temperature)
        for text in texts:
            if is_answer_valid(llm.parse_answer(text), correct):
                kept.append([question, correct, text.strip()])
                break
    if not kept:
        raise RuntimeError("rejection sampling kept nothing")
    Path(output_json).write_text(json.dumps(kept))


def cli(experiment: str) -> None:
    verb, *rest = sys.argv[1:]
    {"train": train, "test": test, "load": load}[verb](experiment, *rest)
