"""The checkpoint that a run goes on from, as it lies on disk: is all there, and is it what the model holds now?

What Trainer does in silence, transformers 5.23: without ``optimizer.pt`` or without ``scheduler.pt`` it restores
neither, and the warm-up begins again; without ``rng_state.pth`` dropout is another; an adapter is loaded under the
configuration of the model, whatever ``adapter_config.json`` says. No pickle is opened here: the ``.pt`` files are only
looked for, and ``kept_arguments`` knows how to read ``training_args.bin``.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from .adapted import active_adapters, is_adapted, unwrapped
from .run_identity import KEY, adapter_settings, differences

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

STATE = "trainer_state.json"
WEIGHTS = "adapter_model.safetensors"
CHECKPOINT = re.compile(r"checkpoint-\d+")
SHARDED = ("optimizer*", "global_step*", "*optimizer.pt*", "pytorch_model_fsdp*")  # FSDP, DeepSpeed, SageMaker


class Difference(NamedTuple):
    """One thing that is not as it was: what, before, now, and what follows from it."""

    what: str
    before: object
    now: object
    effect: str

    def __str__(self) -> str:
        """As a message has it."""
        return f"{self.what} ({self.before} before, {self.now} now: {self.effect})"


def read_state(checkpoint: Path | None) -> Mapping[str, Any]:
    """A checkpoint's ``trainer_state.json``; empty where it cannot be read."""
    try:
        content = json.loads((checkpoint / STATE).read_text(encoding="utf-8")) if checkpoint else {}
    except (OSError, ValueError):
        content = {}
    return content if isinstance(content, dict) else {}


def kept_record(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a guard kept of the run that wrote a state; empty without."""
    kept: Any = state.get("stateful_callbacks") or {}
    for name in (KEY, "attributes"):
        kept = kept.get(name) if isinstance(kept, dict) else None
    return kept if isinstance(kept, dict) else {}


def missing_files(checkpoint: Path, arguments: Any = None) -> list[Difference]:  # noqa: ANN401
    """Files without which a run cannot go on as it was; what a sharded optimizer writes counts, too.

    Args:
        checkpoint: The folder.
        arguments: ``TrainingArguments``, by whose number of processes Trainer looks for the random state.
    """
    found = []
    lost = "first moments, second moments and the schedule begin anew, the warm-up too"
    if not _has_optimizer(checkpoint):
        found.append(Difference("optimizer.pt", "written unless save_only_model", "missing", lost))
    if not (checkpoint / "scheduler.pt").is_file() and not any(checkpoint.glob("global_step*")):
        found.append(Difference("scheduler.pt", "written unless save_only_model", "missing", lost))
    world, name = getattr(arguments, "world_size", 1), "rng_state.pth"
    if world > 1:
        name = f"rng_state_{arguments.process_index}.pth"
    if not (checkpoint / name).is_file():
        others = "written by another number of processes" if any(checkpoint.glob("rng_state*.pth")) else ""
        effect = "dropout and whatever else draws random numbers are others"
        found.append(Difference(name, others or "written unless save_only_model", "missing", effect))
    return found


def _has_optimizer(checkpoint: Path) -> bool:
    return any(path for pattern in SHARDED for path in checkpoint.glob(pattern))


def changed_settings(checkpoint: Path, now: Mapping[str, Any]) -> list[Difference]:
    """Settings of the adapter on disk that are not those of the one in the model."""
    try:
        config = json.loads((checkpoint / "adapter_config.json").read_text(encoding="utf-8"))
        old = adapter_settings(config) or {}
    except (OSError, ValueError, TypeError, AttributeError):
        return []
    effect = "the weights that were learnt now count otherwise"
    return [
        Difference(f"adapter.{name}", before, after, effect)
        for name, (before, after) in differences(old, now.get("adapter") or {}).items()
    ]


def changed_weights(checkpoint: Path, model: Any) -> list[Difference]:  # noqa: ANN401
    """Tensors of the adapter on disk that the model holds with other values, or not at all."""
    compared = _compare(checkpoint, model)
    others = sorted(name for name, same in (compared or {}).items() if not same)
    if not others:
        return []
    effect = f"{len(others)} of {len(compared or {})} tensors were not loaded, {others[0]} first"
    return [Difference("adapter weights", "those of the checkpoint", "others", effect)]


def unfinished_twin(folder: Path, model: Any) -> tuple[Path, Mapping[str, Any]] | None:  # noqa: ANN401
    """The last checkpoint in an output folder, where its run did not end and its adapter is the model's, bit for bit.

    An earlier one is chosen, one without an optimizer cannot be gone on from, and a run that stopped early has ended.
    """
    try:
        children = [child for child in folder.iterdir() if CHECKPOINT.fullmatch(child.name)]
    except OSError:
        return None
    last_one = max(children, key=lambda child: int(child.name.rpartition("-")[2]), default=None)
    if last_one is None or not _has_optimizer(last_one):
        return None
    state = read_state(last_one)
    step, last = state.get("global_step"), state.get("max_steps")
    if not (isinstance(step, int) and isinstance(last, int) and 0 < step < last) or _is_stopped_early(state):
        return None
    compared = _compare(last_one, model)
    return (last_one, state) if compared and all(compared.values()) else None


def _is_stopped_early(state: Mapping[str, Any]) -> bool:
    """Whether a callback, such as EarlyStoppingCallback, had ended the run when it was saved."""
    kept: Any = state
    for name in ("stateful_callbacks", "TrainerControl", "args", "should_training_stop"):
        kept = kept.get(name) if isinstance(kept, dict) else None
    return bool(kept)


def _compare(checkpoint: Path, model: Any) -> dict[str, bool] | None:  # noqa: ANN401
    """For each tensor of the adapter on disk whether the model holds the same; None where it cannot be told.

    Embeddings that PEFT saved beside the adapter are not asked for: whether it does depends on a hub.
    """
    inner = unwrapped(model)
    names = active_adapters(inner) if is_adapted(inner) else []
    if len(names) != 1 or not (checkpoint / WEIGHTS).is_file():
        return None
    try:
        from peft import get_peft_model_state_dict  # noqa: PLC0415 - only for a run with an adapter
        from safetensors.torch import load_file  # noqa: PLC0415

        if any(weight.numel() == 0 for weight in inner.parameters()):
            return None  # shards: the rest is elsewhere
        disk = load_file(checkpoint / WEIGHTS)
        held = get_peft_model_state_dict(inner, adapter_name=names[0], save_embedding_layers=False)
    except Exception:  # noqa: BLE001 - a file that nobody can read, a tuner that PEFT cannot save
        return None
    own = {name: value for name, value in disk.items() if name in held or "lora_" in name}
    same = dict.fromkeys(held.keys() | own.keys(), False)
    for name in held.keys() & own.keys():
        if held[name].shape == own[name].shape:
            same[name] = bool((held[name].detach().to("cpu", own[name].dtype) == own[name]).all())
    return same
