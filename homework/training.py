"""The one training loop behind SFT and RFT: LoRA on a frozen base, with the Trainer of transformers.

What makes it fast without changing what is learnt: rows are grouped by length and padded on the left, logits exist
only where labels are, and the frozen base is held in bf16 where the hardware computes in it.
``tests/unit/homework/test_training.py`` holds the trajectory equal to that of the plain path.

Every choice is a field of ``TrainingConfig``, which is also the command line. What was chosen is printed once, with
its reason, and written beside the adapter.
"""

from __future__ import annotations

import math
import random
import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from transformers import Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from unsilent.guard import TrainingGuard
from unsilent.outcome import FailureFound
from unsilent.parity import is_finite, record_logits

from .adapter_files import locate
from .adapter_loading import quiet_peft
from .adapter_store import CURVE, claim_output, save_adapter, save_stopped
from .augmentation import variations
from .batching import BatchPlan, choose_batch
from .configuration import TrainingConfig, with_environment
from .curves import draw_curves
from .data import Dataset, split_dev
from .devices import BF16_CAPABILITY, default_device
from .errors import RowsUnusable, TrainingFailed
from .precision import Precision, choose_precision, dtype_named
from .processes import heard_once, join, on_first, share_batches
from .run_record import check_plan, describe_stop, describe_training
from .tokens import Collator, TokenizedDataset

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from .base_llm import BaseLLM
    from .data import Row

TARGETS = "all-linear"
PARITY_PROMPTS = 4  # whose logits the manifest keeps, for comparison after loading


@dataclass(frozen=True)
class TrainingResult:
    """Where the adapter lies, and one record for each logged step: step, loss, grad_norm, learning_rate."""

    folder: Path
    log: list[dict[str, float]]
    seconds: float


def add_adapter(model: Any, rank: int, *, gradient_checkpointing: bool = False) -> Any:  # noqa: ANN401 - a PEFT model
    """Freeze ``model`` and put a fresh LoRA adapter on all its linear layers, ready to train.

    Adapter weights are fp32 whatever the base is held in. Input gradients are enabled, so that the first adapter
    receives a gradient under checkpointing too.
    """
    from peft import LoraConfig, TaskType, get_peft_model  # noqa: PLC0415 - 2 s that a wrong option need not wait for

    config = LoraConfig(
        task_type=TaskType.CAUSAL_LM,
        target_modules=TARGETS,
        r=rank,
        lora_alpha=max(4 * rank, 4),
        lora_dropout=0.0,
        bias="none",
        inference_mode=False,
    )
    with quiet_peft():
        adapted = get_peft_model(model, config)
        adapted.enable_input_require_grads()
        if gradient_checkpointing:
            # transformers renamed it to activation checkpointing; the older name warns there and is the only one before
            enable = getattr(adapted, "activation_checkpointing_enable", None) or adapted.gradient_checkpointing_enable
            enable({"use_reentrant": False})
    adapted.config.use_cache = False
    return adapted.train()


def count_parameters(model: torch.nn.Module) -> tuple[int, int]:
    """Count trainable and all parameters."""
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    return sum(size for size, trained in sizes if trained), sum(size for size, _ in sizes)


@heard_once
def train(
    config: TrainingConfig,
    format_fn: Callable[..., dict[str, str]],
    model_class: type[BaseLLM],
    source: Sequence[Row] | None = None,
) -> TrainingResult:
    """Train an adapter and save it.

    Args:
        config: Every choice.
        format_fn: Turns a row into prompt and completion.
        model_class: Loads the base; its prompt is what ``format_fn`` must produce.
        source: Rows to train on; None takes those of ``config.split``, without the dev part where that is wished.

    Returns:
        The folder and the log of the run.

    Raises:
        BadInput: Options, rows, base or output folder that cannot be used; raised before training begins.
        FailureFound: A check stopped the run; the adapter as it was before that step is kept, and the place is printed.
        TrainingFailed: The loss or the gradient norm was not finite at the end.
    """
    processes = join()
    config = with_environment(config)
    folder = locate(config.output_dir).resolve()
    on_first(processes, lambda: claim_output(folder, overwrite=config.overwrite))
    data = Dataset(config.split)
    if source is None:
        source = split_dev(data.rows)[0] if config.dev else data.rows
    if not source:
        raise RowsUnusable(
            expected="at least 5 rows with --dev",
            got=str(len(data)),
            where=str(data.path),
            action="leave --dev out, or add rows",
        )
    llm, precision = _load_base(config, model_class)
    sizes = {"micro_batch_size": config.micro_batch_size, "effective_batch": config.effective_batch}
    batch = choose_batch(llm.device, **sizes, processes=processes.world)
    rng = random.Random(config.seed)
    rows = variations(source, config.epochs, rng, amounts=config.other_amounts, back=config.way_back)
    items = TokenizedDataset(llm.tokenizer, rows, format_fn, config.max_length)
    # grouped as for one process, so that any number of them follows one trajectory
    items.group_by_length(config.epochs, choose_batch(llm.device, **sizes).micro_batch_size, rng)
    torch.manual_seed(config.seed)
    llm.model = add_adapter(llm.model, config.rank, gradient_checkpointing=config.gradient_checkpointing)
    trained, total = count_parameters(llm.model)
    others = f" and {len(source) - len(data)} others" if len(source) > len(data) else ""
    _announce(
        {
            "base model": f"{llm.checkpoint}",
            "precision": f"{precision.name}, base held in {precision.base_dtype}, adapter in fp32 ({precision.reason})",
            "batch": batch.reason,
            "trainable": f"{trained:,} of {total:,} parameters ({trained / total:.2%})",
            "rows": f"{min(len(source), len(data))} of {len(data)} in {data.path}{others}, {config.epochs} passes",
            "supervised": f"{items.supervised_tokens() / len(items):.1f} tokens a row",
            "output": str(folder),
        }
    )
    plan = check_plan(llm, items, config, precision, batch)
    trainer = _make_trainer(llm, items, config, precision, batch)
    if processes.world > 1:
        share_batches(trainer, batch)
    guard = TrainingGuard().attach(trainer)
    started = time.monotonic()
    stop: FailureFound | None = None
    try:
        trainer.train()
    except FailureFound as found:
        stop = found
    seconds = time.monotonic() - started

    def conclude() -> TrainingResult:
        log = [record for record in trainer.state.log_history if "loss" in record]
        # Trainer has wrapped the forward pass in autocast; answers are computed without
        llm.model = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)
        record = describe_training(config, llm, precision, batch, data, log)
        llm.model.peft_config["default"].base_model_name_or_path = llm.checkpoint.name
        if stop:
            print(f"stopped:     {_keep(llm.model, folder, record | describe_stop(stop), trainer.state.global_step)}")
            raise stop
        _must_be_finite(log, scaled=precision.needs_scaler)
        prompts = [format_fn(*row)["question"] for row in source[:PARITY_PROMPTS]]
        logits = record_logits(llm.model, llm.tokenizer, prompts)
        if not is_finite(logits):
            raise TrainingFailed(
                expected="a trained model whose logits are finite",
                got="NaN or inf",
                where=f"after step {log[-1]['step']}",
                action="the adapter was not saved; lower --lr, or train with --precision fp32",
            )
        verdicts = [outcome.as_json() for outcome in (*plan, *guard.report.outcomes)]
        manifest = record | {"verdicts": verdicts, "logits": logits}
        save_adapter(llm.model, folder, manifest, {CURVE: draw_curves(log)}, overwrite=config.overwrite)
        return TrainingResult(folder, log, seconds)

    return on_first(processes, conclude)


def _keep(model: Any, folder: Path, manifest: Mapping[str, object], steps: int) -> str:  # noqa: ANN401 - a PEFT model
    """Save what a stopped run leaves: the state before the step, where one was taken and is finite."""
    good = steps > 0 and all(bool(weight.isfinite().all()) for weight in model.parameters())
    kept = save_stopped(model if good else None, folder, manifest)
    return f"{'the state before that step' if good else 'nothing but the manifest'} is kept in {kept}"


def _load_base(config: TrainingConfig, model_class: type[BaseLLM]) -> tuple[BaseLLM, Precision]:
    base_dtype = "fp32" if config.use_fp32_for_training else config.base_dtype
    precision = choose_precision(default_device(), wish=config.precision, base_dtype=base_dtype)
    return model_class(config.checkpoint or None, dtype=dtype_named(precision.base_dtype)), precision


def _make_trainer(
    llm: BaseLLM, items: TokenizedDataset, config: TrainingConfig, precision: Precision, batch: BatchPlan
) -> Trainer:
    on_gpu = llm.device.type == "cuda"
    arguments = TrainingArguments(
        output_dir=tempfile.gettempdir(),  # nothing is written there: the adapter is saved by adapter_store
        save_strategy="no",
        report_to="none",
        num_train_epochs=1,  # the rows already hold every pass
        max_steps=config.max_steps or -1,
        **batch.hparams,
        train_sampling_strategy="sequential",  # grouped by length already
        optim="adamw_torch",
        learning_rate=config.lr,
        lr_scheduler_type="cosine",
        warmup_steps=config.warmup_steps,
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        **precision.flags,
        # TF32 came with bf16, on Ampere; Trainer raises on anything older
        **({"tf32": True} if on_gpu and torch.cuda.get_device_capability() >= BF16_CAPABILITY else {}),
        use_cpu=llm.device.type == "cpu",
        dataloader_pin_memory=on_gpu,
        logging_steps=config.logging_steps or max(1, 10 // batch.accumulation_steps),
        logging_nan_inf_filter=False,  # with the filter a NaN loss is printed as 0.0
        remove_unused_columns=False,
        ddp_find_unused_parameters=False,  # every layer takes part in every step
        disable_tqdm=True,
        seed=config.seed,
        data_seed=config.seed,
    )
    arguments._n_gpu = min(arguments.n_gpu, 1)  # noqa: SLF001 - several would be wrapped in DataParallel, which cuts our index tensors
    trainer = Trainer(
        model=llm.model,
        args=arguments,
        train_dataset=items,
        data_collator=Collator(llm.tokenizer.pad_token_id),
        processing_class=llm.tokenizer,
        callbacks=[StepLines()],
    )
    for callback in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(callback)
    return trainer


class StepLines(TrainerCallback):  # type: ignore[misc] # transformers' base class is untyped
    """Prints about twenty lines a run, each with step, loss, gradient norm, learning rate and time left."""

    LINES = 20

    def __init__(self) -> None:
        """Start without a clock; it starts with the run."""
        self.started = 0.0
        self.next_step = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: object) -> None:  # noqa: ANN401, ARG002
        """Start the clock."""
        self.started = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: object) -> None:  # noqa: ANN401, ARG002
        """Have the last step logged, however short the run: a NaN there must be seen before anything is saved."""
        if state.global_step == state.max_steps:
            control.should_log = True

    def on_log(
        self,
        args: Any,  # noqa: ANN401, ARG002
        state: Any,  # noqa: ANN401
        control: Any,  # noqa: ANN401, ARG002
        logs: dict[str, float] | None = None,
        **kwargs: object,  # noqa: ARG002
    ) -> None:
        """Print the record when the next line is due, and always the last one."""
        step, last = state.global_step, state.max_steps
        if not logs or "loss" not in logs or (step < self.next_step and step < last):
            return
        self.next_step = step + max(1, last // self.LINES)
        left = (time.monotonic() - self.started) / step * (last - step)
        print(
            f"step {step:>4}/{last}  loss {logs['loss']:.4f}  grad_norm {logs['grad_norm']:.3f}  "
            f"lr {logs['learning_rate']:.2e}  {left:4.0f} s left",
            flush=True,
        )


def _announce(choices: Mapping[str, str]) -> None:
    for name, words in choices.items():
        print(f"{name + ':':<13}{words}", flush=True)


def _must_be_finite(log: Sequence[Mapping[str, float]], *, scaled: bool) -> None:
    """Refuse to save an adapter when a logged loss or gradient norm was NaN or inf.

    A gradient scaler skips steps whose gradients overflow, on purpose, mostly early ones: then a norm that is not
    finite is healthy as long as a later one is.
    """
    finite_again = scaled and math.isfinite(log[-1]["grad_norm"])
    for record in log:
        if not math.isfinite(record["loss"]) or not (finite_again or math.isfinite(record["grad_norm"])):
            raise TrainingFailed(
                expected="a finite loss and gradient norm at every step",
                got=f"loss {record['loss']}, grad_norm {record['grad_norm']}",
                where=f"step {record['step']}",
                action="the adapter was not saved; lower --lr, or train with --precision fp32",
            )
