"""The one training loop behind SFT and RFT: LoRA on a frozen base, with the Trainer of transformers.

What makes it fast without changing what is learnt: rows are grouped by length and padded on the left, logits exist
only where labels are, and the frozen base is held in bf16 where the hardware computes in it.
``tests/unit/homework/test_training.py`` holds the trajectory equal to that of the plain path.

Every choice is a field of ``TrainingConfig``, which is also the command line. What was chosen is printed once, with
its reason, and written beside the adapter.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import random
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from unsilent.parity import is_finite, record_logits

from .adapter_files import locate
from .adapter_store import CURVE, claim_output, save_adapter, save_stopped
from .augmentation import variations
from .batching import ROWS_OF_ONE_LENGTH, BatchPlan, choose_batch
from .configuration import TrainingConfig, with_environment
from .consumption import consumed
from .curves import draw_curves
from .data import Dataset, split_dev
from .devices import default_device
from .errors import OutputRefused, RowsUnusable, TrainingFailed
from .finished_runs import clear_finished
from .going_on import train_on
from .lora import add_adapter, count_parameters
from .memory_limits import train_within_memory
from .precision import Precision, choose_precision, dtype_named, products_as_before
from .processes import heard_once, join, on_first
from .run_identity import describe_circumstances, identify
from .run_record import check_plan, describe_stop, describe_training
from .tokens import TokenizedDataset
from .trainer_settings import make_trainer
from .unfinished import claim_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from unsilent.outcome import Outcome

    from .base_llm import BaseLLM
    from .data import Row
    from .memory_limits import Run
    from .processes import Processes
    from .unfinished import UnfinishedRun

PARITY_PROMPTS = 4  # whose logits the manifest keeps, for comparison after loading


@dataclass(frozen=True)
class TrainingResult:
    """Where the adapter lies, and one record for each logged step: step, loss, grad_norm, learning_rate."""

    folder: Path
    log: list[dict[str, float]]
    seconds: float


@dataclass(frozen=True)
class Job:
    """What a run has decided before its first step, and what it will be judged by.

    Attributes:
        config: Every choice.
        folder: Where the adapter will be.
        llm: The base, with a fresh adapter on it.
        precision: In which dtype, and why.
        batch: How many rows at once, and why.
        data: The rows' file.
        items: Tokenized rows of every pass, in the order in which they are seen.
        prompts: Some of them, whose logits the manifest keeps.
        plan: Outcomes of the checks on precision and batch.
    """

    config: TrainingConfig
    folder: Path
    llm: BaseLLM
    precision: Precision
    batch: BatchPlan
    data: Dataset
    items: TokenizedDataset
    prompts: list[str]
    plan: list[Outcome]


@heard_once
def train(
    config: TrainingConfig,
    format_fn: Callable[..., dict[str, str]],
    model_class: type[BaseLLM],
    source: Sequence[Row] | None = None,
    *,
    again: str = "",
) -> TrainingResult:
    """Train an adapter and save it.

    A run that was stopped or killed is kept beside the output, and goes on with ``config.resume``.

    Args:
        config: Every choice.
        format_fn: Turns a row into prompt and completion.
        model_class: Loads the base; its prompt is what ``format_fn`` must produce.
        source: Rows to train on; None takes those of ``config.split``, without the dev part where that is wished.
        again: What a run that was told to end says about going on; empty: the command with ``--resume``.

    Returns:
        The folder and the log of the run.

    Raises:
        BadInput: Options, rows, base or output folder that cannot be used; raised before training begins.
        FailureFound: A check stopped the run; the adapter as it was before that step is kept, and the place is printed.
        TrainingFailed: The loss or the gradient norm was not finite at the end.
        SystemExit: SIGTERM has ended it, after a step and a checkpoint; KeyboardInterrupt: Ctrl-C, likewise.
    """
    processes = join()
    config = with_environment(config)
    folder = locate(config.output_dir).resolve()
    on_first(processes, lambda: _claim_output(folder, overwrite=config.overwrite))
    again = again or f"go on with: {processes.launched(dataclasses.replace(config, resume=True).command)}"
    with _claimed(config, folder, processes) as run:
        job = _prepare(config, format_fn, model_class, source, folder, processes)
        on_first(processes, lambda: _begin(job, run))
        with products_as_before():
            attempt = train_within_memory(
                partial(make_trainer, job.llm, job.items, config, job.precision),
                lambda trainer: train_on(trainer, run, save_steps=config.save_steps, again=again),
                job.llm,
                job.batch,
            )
        result = on_first(processes, lambda: _conclude(dataclasses.replace(job, batch=attempt.batch), run, attempt))
    if attempt.told.signal:
        print(f"told to end at the last step: trained and saved to {folder}, and not tested", flush=True)
        attempt.told.end()
    return result


def _claim_output(folder: Path, *, overwrite: bool) -> None:
    """Make sure that the adapter can be saved; where one is there, nothing is left of the run that has made it."""
    try:
        claim_output(folder, overwrite=overwrite)
    except OutputRefused:
        clear_finished(folder)
        raise


@contextlib.contextmanager
def _claimed(config: TrainingConfig, folder: Path, processes: Processes) -> Iterator[UnfinishedRun]:
    """Hold the place of the run in the process that leads; where that is refused, it is to all."""
    with contextlib.ExitStack() as stack:

        def claim(leads: bool) -> UnfinishedRun:  # noqa: FBT001 - said once
            claimed = claim_run(folder, resume=config.resume, overwrite=config.overwrite, leads=leads)
            return stack.enter_context(claimed)

        here: list[UnfinishedRun] = []
        on_first(processes, lambda: here.append(claim(leads=True)))
        yield here[0] if here else claim(leads=False)


def _prepare(  # noqa: PLR0913, PLR0917 - what train takes, and where it goes
    config: TrainingConfig,
    format_fn: Callable[..., dict[str, str]],
    model_class: type[BaseLLM],
    source: Sequence[Row] | None,
    folder: Path,
    processes: Processes,
) -> Job:
    """Choose, load and say everything that the first step needs."""
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
    items.group_by_length(config.epochs, ROWS_OF_ONE_LENGTH, rng)
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
    prompts = [format_fn(*row)["question"] for row in source[:PARITY_PROMPTS]]
    return Job(config, folder, llm, precision, batch, data, items, prompts, plan)


def _begin(job: Job, run: UnfinishedRun) -> None:
    """Write down what makes it this run, or make sure that what goes on is the same one."""
    identity = identify(job.config, job.llm, job.items, job.precision, job.batch)
    run.begin(identity, describe_circumstances(job.llm, job.data))


def _conclude(job: Job, run: UnfinishedRun, attempt: Run) -> TrainingResult:
    """Judge what was trained, and save it; or keep what a check has stopped."""
    trainer, llm, rows = attempt.trainer, job.llm, job.batch.effective_batch
    log = [record for record in trainer.state.log_history if "loss" in record]
    if attempt.stop:
        run.refuse_at(trainer.state.global_step, attempt.stop)
    before, steps = run.saved.step if run.saved else 0, trainer.state.global_step
    took = consumed(job.items.items[before * rows :], (steps - before) * rows, attempt.seconds, llm.device)
    _announce({"speed": took.words})
    record = describe_training(job.config, llm, job.precision, job.batch, job.data, log)
    record |= {"consumed": dataclasses.asdict(took), "resumed": run.resumed}
    llm.model.peft_config["default"].base_model_name_or_path = llm.checkpoint.name
    if attempt.stop:
        print(f"stopped:     {_keep(llm.model, job.folder, record | describe_stop(attempt.stop), steps)}")
        raise attempt.stop
    _must_be_finite(log, scaled=job.precision.needs_scaler)
    logits = record_logits(llm.model, llm.tokenizer, job.prompts)
    if not is_finite(logits):
        raise TrainingFailed(
            expected="a trained model whose logits are finite",
            got="NaN or inf",
            where=f"after step {log[-1]['step']}",
            action="the adapter was not saved; lower --lr, or train with --precision fp32",
        )
    verdicts = [outcome.as_json() for outcome in (*job.plan, *attempt.guard.report.outcomes)]
    manifest = record | {"verdicts": verdicts, "logits": logits}
    save_adapter(llm.model, job.folder, manifest, {CURVE: draw_curves(log)}, overwrite=job.config.overwrite)
    return TrainingResult(job.folder, log, attempt.seconds)


def _keep(model: Any, folder: Path, manifest: Mapping[str, object], steps: int) -> str:  # noqa: ANN401 - a PEFT model
    """Save what a stopped run leaves: the state before the step, where one was taken and is finite."""
    good = steps > 0 and all(bool(weight.isfinite().all()) for weight in model.parameters())
    kept = save_stopped(model if good else None, folder, manifest)
    return f"{'the state before that step' if good else 'nothing but the manifest'} is kept in {kept}"


def _load_base(config: TrainingConfig, model_class: type[BaseLLM]) -> tuple[BaseLLM, Precision]:
    base_dtype = "fp32" if config.use_fp32_for_training else config.base_dtype
    precision = choose_precision(default_device(), wish=config.precision, base_dtype=base_dtype)
    return model_class(config.checkpoint or None, dtype=dtype_named(precision.base_dtype)), precision


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
