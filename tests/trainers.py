"""Real trainings of the tiny model, a fraction of a second each: Trainer, TRL's SFTTrainer, or a loop of one's own.

What the tests of wiring, guard and logs share: rows that can be learnt, a base that knows something, a Trainer with
quiet settings, and a guard around it.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import random
from typing import TYPE_CHECKING, Any

import pytest
import torch
from support import tiny_model, tiny_tokenizer
from transformers import LlamaForCausalLM, Trainer, TrainingArguments
from transformers.trainer_callback import PrinterCallback
from untraced import untraced

from unsilent.guard import TrainingGuard
from unsilent.monitor import StepMonitor
from unsilent.outcome import FailureFound

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from unsilent.outcome import Report

# A weight of the adapter that is neither first nor last in the model.
MIDDLE = "base_model.model.model.layers.0.mlp.up_proj.lora_B.default.weight"

Rows = list[dict[str, list[int]]]

QUIET: dict[str, Any] = {
    "max_steps": 4,
    "learning_rate": 1e-2,
    "per_device_train_batch_size": 4,
    "logging_steps": 1,
    "lr_scheduler_type": "constant",
    "save_strategy": "no",
    "report_to": "none",
    "use_cpu": True,
    "disable_tqdm": True,
}


def counting_rows(count: int = 64, length: int = 12, seed: int = 0) -> Rows:
    """Rows that count up by one to four, a prompt of four tokens masked: there is something to learn in them."""
    draw = random.Random(seed)
    rows = []
    for _ in range(count):
        start, stride = draw.randrange(100), draw.randrange(1, 5)
        ids = [3 + (start + stride * place) % 200 for place in range(length)]
        rows.append({"input_ids": ids, "labels": [-100] * 4 + ids[4:]})
    return rows


def class_rows(count: int, seed: int = 0, filler: int = 0) -> Rows:
    """Rows with one label each: which of 8 tokens it is follows from the token before it, after random filler."""
    draw = random.Random(seed)
    rows = []
    for _ in range(count):
        token = draw.randrange(8)
        before = [draw.randrange(60, 100) for _ in range(filler)]
        inputs, labels = [*before, 20, 3 + token, 40 + token], [-100] * (filler + 2) + [40 + token]
        rows.append({"input_ids": inputs, "labels": labels})
    return rows


def tokenized_rows(count: int = 24, **options: Any) -> list[Any]:  # noqa: ANN401 - of homework.tokens.tokenize
    """Rows of the project's own kind, unpadded: a masked prompt, an answer, end-of-text: 40 or 60 tokens."""
    from homework.tokens import tokenize

    tokenizer = tiny_tokenizer()
    questions = [
        f"What is {n} {unit} in cm? <answer>" for n in range(1, count) for unit in ("m", "yards, feet and inches")
    ]
    settings = {"answer": "300</answer>"} | options
    return [dict(tokenize(tokenizer, question, **settings)) for question in questions[:count]]


@untraced()
def taught_model(rows: Rows, steps: int = 12) -> LlamaForCausalLM:
    """The tiny model after a few full steps on rows: a base that knows something, and so has something to lose."""
    model = tiny_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 1e-2 * (1 - step / steps)
        batch = rows[32 * step : 32 * step + 32]
        model(**{name: torch.tensor([row[name] for row in batch]) for name in batch[0]}).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model


def texts(count: int = 32) -> list[dict[str, Any]]:
    """Prompts and completions as TRL takes them."""
    return [{"prompt": f"{number} m in cm?", "completion": f" {100 * number}"} for number in range(1, count + 1)]


@untraced()
def memorised_model(rows: Rows, steps: int = 60) -> LlamaForCausalLM:
    """The tiny model after so many steps on the same few rows that it knows them by heart."""
    model = tiny_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    batch = {name: torch.tensor([row[name] for row in rows]) for name in rows[0]}
    for _ in range(steps):
        model(**batch).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model


def fresh_adapter(base: Any = None, **options: Any) -> Any:  # noqa: ANN401 - a PEFT model
    """LoRA as training begins with it: every lora_B zero."""
    from peft import LoraConfig, get_peft_model

    settings: dict[str, Any] = {"r": 4, "target_modules": "all-linear", "task_type": "CAUSAL_LM"}
    return get_peft_model(base if base is not None else tiny_model(), LoraConfig(**settings | options))


def make_trainer(  # noqa: PLR0913 - what a Trainer takes
    folder: Path,
    model: Any = None,  # noqa: ANN401 - a model, or nothing for a fresh adapter
    rows: Any = None,  # noqa: ANN401 - rows, or nothing for those that count
    *,
    kind: type[Any] = Trainer,
    collate: Any = None,  # noqa: ANN401
    optimizers: tuple[Any, Any] = (None, None),
    callbacks: list[Any] | None = None,
    tokenizer: Any = None,  # noqa: ANN401
    evaluated: Any = None,  # noqa: ANN401
    **options: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401 - a Trainer
    """A Trainer with quiet settings, a real adapter and rows that can be learnt."""
    torch.manual_seed(0)
    if model is None or isinstance(model, LlamaForCausalLM):
        model = fresh_adapter(model)
    return kind(
        model=model,
        args=TrainingArguments(output_dir=str(folder), **QUIET | options),
        train_dataset=counting_rows() if rows is None else rows,
        eval_dataset=evaluated,
        data_collator=collate,
        optimizers=optimizers,
        callbacks=callbacks,
        processing_class=tokenizer,
    )


def checkpointing(*, reentrant: bool) -> dict[str, Any]:
    """Training arguments for gradient checkpointing, which transformers 5.2x calls activation checkpointing."""
    new = "activation_checkpointing" in TrainingArguments.__dataclass_fields__
    name = "activation_checkpointing" if new else "gradient_checkpointing"
    return {name: True, f"{name}_kwargs": {"use_reentrant": reentrant}}


def guarded(trainer: Any, **options: Any) -> TrainingGuard:  # noqa: ANN401 - a Trainer
    """Train under a guard; the guard afterwards.

    Raises:
        FailureFound: What the guard found.
    """
    trainer.remove_callback(PrinterCallback)
    guard = TrainingGuard(**options).attach(trainer)
    trainer.train()
    return guard


def caught(trainer: Any, **options: Any) -> FailureFound:  # noqa: ANN401 - a Trainer
    """Train under a guard that must stop the run; what it found, with the weights still finite and no hook left."""
    before = leftovers(trainer.model)
    with pytest.raises(FailureFound) as found:
        guarded(trainer, **options)
    assert leftovers(trainer.model) == before
    return found.value


def leftovers(model: torch.nn.Module) -> list[str]:
    """Names of parameters and modules that carry a hook; PEFT's own for input gradients aside."""
    weights = [
        name for name, weight in model.named_parameters() if getattr(weight, "_post_accumulate_grad_hooks", None)
    ]
    modules = [
        name for name, module in model.named_modules()
        if module._forward_pre_hooks or (module._forward_hooks and "embed_tokens" not in name)
    ]  # fmt: skip
    return weights + modules


def loop(  # noqa: PLR0913 - what a loop has
    model: Any = None,  # noqa: ANN401
    *,
    steps: int = 4,
    accumulation: int = 1,
    optimizer: Any = None,  # noqa: ANN401
    scaler: Any = None,  # noqa: ANN401
    before_backward: Callable[[torch.Tensor, int], torch.Tensor] | None = None,
    autocast: torch.dtype | None = None,
    spoilt: bool = False,
    **options: Any,  # noqa: ANN401
) -> StepMonitor:
    """A plain training loop under ``StepMonitor``, as its docstring has it.

    Args:
        model: A model in training mode; nothing for a fresh adapter.
        steps: Optimizer steps.
        accumulation: Micro-batches a step.
        optimizer: Nothing for AdamW over what requires a gradient.
        scaler: A gradient scaler.
        before_backward: Takes the loss and the number of the micro-batch in the run, from 1; gives another loss.
        autocast: dtype of the forward pass.
        spoilt: One gradient overflows in every backward pass.
        **options: For the monitor.

    Raises:
        FailureFound: What the monitor found.
    """
    model = (fresh_adapter() if model is None else model).train()
    if spoilt:
        model.get_parameter(MIDDLE).register_hook(lambda gradient: gradient * math.inf)
    device = next(model.parameters()).device
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = optimizer or torch.optim.AdamW(trained, lr=1e-2)
    monitor = StepMonitor(model, optimizer, scaler=scaler, **options)
    rows = counting_rows(4 * steps * accumulation)
    try:
        for step in range(steps):
            for micro_batch in range(accumulation):
                number = step * accumulation + micro_batch
                ids, labels = (torch.tensor([row[name] for row in rows[4 * number : 4 * number + 4]], device=device)
                               for name in ("input_ids", "labels"))  # fmt: skip
                with torch.autocast(device.type, dtype=autocast, enabled=autocast is not None):
                    loss = model(input_ids=ids, labels=labels).loss / accumulation
                loss = before_backward(loss, number + 1) if before_backward else loss
                (scaler.scale(loss) if scaler else loss).backward()
                monitor.after_backward(loss)
            monitor.before_step()
            if scaler:
                scaler.step(optimizer)
                scaler.update()
            else:
                optimizer.step()
            monitor.after_step()
            optimizer.zero_grad()
        monitor.finish()
    finally:
        monitor.close()
    return monitor


def run_trainer(folder: Path, model: Any, rows: Any, **options: Any) -> tuple[Path, Path]:  # noqa: ANN401
    """Train without a guard for 30 steps; ``trainer_state.json``, and what was printed, as files."""
    settings: dict[str, Any] = {"max_steps": 30, "per_device_train_batch_size": 8}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        trainer = make_trainer(folder, model, rows, **settings | options)
        trainer.train()
    folder.mkdir(parents=True, exist_ok=True)
    trainer.state.save_to_json(str(folder / "trainer_state.json"))
    (folder / "console.txt").write_text(printed.getvalue())
    return folder / "trainer_state.json", folder / "console.txt"


def train_plainly(model: Any, rows: Any, collate: Any, folder: Path, **options: Any) -> list[dict[str, float]]:  # noqa: ANN401
    """Train without a guard, and return what was logged."""
    arguments = TrainingArguments(output_dir=str(folder), **QUIET | options)
    trainer = Trainer(model=model, args=arguments, train_dataset=rows, data_collator=collate)
    trainer.train()
    return [record for record in trainer.state.log_history if "loss" in record]


def sft_trainer(rows: list[dict[str, Any]], folder: Path, model: Any = None, **options: Any) -> Any:  # noqa: ANN401 - TRL's trainer
    """TRL's trainer on the tiny model, with rows that it prepares itself."""
    import datasets
    import trl

    settings = {"report_to": "none", "use_cpu": True, "disable_tqdm": True, "save_strategy": "no"}
    return trl.SFTTrainer(
        model=tiny_model() if model is None else model,
        args=trl.SFTConfig(str(folder), **settings | options),
        train_dataset=datasets.Dataset.from_list(rows),
        processing_class=tiny_tokenizer(),
    )


# A run of one epoch that can be stopped in its middle: it accumulates, warms up, and drops out.
HALFWAY: dict[str, Any] = {
    "max_steps": 8,
    "save_steps": 4,
    "save_strategy": "steps",
    "gradient_accumulation_steps": 2,
    "lr_scheduler_type": "linear",
    "warmup_steps": 1,
}


def dropping_adapter(**options: Any) -> Any:  # noqa: ANN401 - a PEFT model
    """LoRA with dropout, so that random states count."""
    return fresh_adapter(lora_dropout=0.1, **options)


def stop_halfway(folder: Path, model: Any = None, rows: Any = None, *, watched: bool = True, **options: Any) -> Path:  # noqa: ANN401
    """Train eight steps, under a guard or not; the checkpoint of the fourth. That of the eighth lies beside it."""
    trainer = make_trainer(folder, dropping_adapter() if model is None else model, rows, **HALFWAY | options)
    trainer.remove_callback(PrinterCallback)
    if watched:
        TrainingGuard().attach(trainer)
    trainer.train()
    return folder / f"checkpoint-{HALFWAY['save_steps']}"


def go_on(checkpoint: Path, model: Any = None, rows: Any = None, *, watched: bool = True, **options: Any) -> Any:  # noqa: ANN401
    """Resume a run, under a guard that says what it finds or under none; the trainer, with the guard as ``guard``."""
    settings = HALFWAY | {"save_strategy": "no"} | options
    trainer = make_trainer(checkpoint.parent, dropping_adapter() if model is None else model, rows, **settings)
    trainer.remove_callback(PrinterCallback)
    if watched:
        trainer.guard = TrainingGuard(rerun=False).attach(trainer)
    trainer.train(resume_from_checkpoint=str(checkpoint))
    return trainer


def logged(state: Path, *names: str) -> list[tuple[float, ...]]:
    """Values of every step's record in a ``trainer_state.json``."""
    history = json.loads(state.read_text())["log_history"]
    return [tuple(float(record[name]) for name in names) for record in history if "loss" in record]


def unseen(report: Report) -> dict[str, str]:
    """What a report could not judge, with the reason."""
    return {outcome.slug: outcome.reason for outcome in report.outcomes if outcome.status == "skipped"}
