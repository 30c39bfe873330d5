"""Put a saved adapter on the base, and into the dtype, it was trained with; on the way to answers, so nothing else.

PEFT loads without a word an adapter whose keys it cannot place, one that was never trained, one shadowed by an older
file. Each of these is refused here: whoever asks for a trained adapter gets that one, or an error.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .adapter_files import (
    MANIFEST,
    WEIGHTS,
    AdapterFiles,
    base_in_config,
    dtype_of_tensors,
    must_be_as_written,
    read_manifest,
)
from .errors import AdapterRefused
from .precision import dtype_named, short_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import torch

    from .base_llm import BaseLLM

# What PEFT initialises as zero, so that a fresh adapter changes nothing: LoRA, LoRA on embeddings, AdaLoRA.
BEGIN_AS_ZERO = ("lora_B", "lora_embedding_A", "lora_E")

ModelT = TypeVar("ModelT", bound="BaseLLM")


@contextlib.contextmanager
def quiet_peft() -> Iterator[None]:
    """Keep one warning from the user: PEFT 0.21 reads an attribute that transformers 5.23 has renamed."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing", category=FutureWarning)
        yield


def load_adapted(
    model_class: type[ModelT],
    found: AdapterFiles,
    *,
    is_trainable: bool = False,
    dtype: torch.dtype | str | None = None,
) -> ModelT:
    """Load a base model with an adapter on it.

    Base and dtype are those of the manifest. Without one, the base is the one named in the adapter's configuration, the
    dtype that of its tensors, and this is said.

    Args:
        model_class: Loads the base.
        found: From ``find_adapter``.
        is_trainable: False for answers; True to go on training, where PEFT would freeze it without a word.
        dtype: What the caller counts on; another than the one it was trained with is refused, never cast.

    Raises:
        AdapterRefused: Configuration, manifest or weights are not what was trained, or do not fit the base.
        BaseModelMissing: The base could not be had.
    """
    folder = found.folder
    manifest = read_manifest(folder)
    if manifest:
        must_be_as_written(found, manifest)
        if not is_trainable:
            _must_be_finished(folder, manifest)
        base, held = manifest["base"]["name"], manifest["dtype"]["base"]
    else:
        _must_be_alone(found)
        base, held = base_in_config(folder), dtype_of_tensors(found.weights[0])
    if dtype is not None and dtype_named(dtype) != dtype_named(held):
        raise AdapterRefused(
            expected=f"the base in {held}, as in training",
            got=f"a wish for {short_name(dtype_named(dtype))} [dtype-mismatch]",
            where=str(folder),
            action="leave the dtype out, or train in the other one",
        )
    llm = model_class(base, dtype=held)
    if not manifest:
        print(f"{folder}: no {MANIFEST}; taking {llm.checkpoint} in {llm.model.dtype}", file=sys.stderr)
    if found.note:
        print(f"{folder}: {found.note}", file=sys.stderr)
    written = manifest.get("base", {}).get("config_sha256")
    if written and written != config_hash(llm.checkpoint.path):
        raise AdapterRefused(
            expected=f"the base it was trained on, {base}",
            got="another model under that name (config.json differs) [adapter-base-mismatch]",
            where=llm.checkpoint.path,
            action="put the right base there, or train again",
        )
    llm.model = _put_on(llm, found, is_trainable=is_trainable).to(llm.device).train(is_trainable)
    if not is_trainable:
        _must_be_trained(llm.model, folder)
    return llm


def config_hash(path: str) -> str:
    """Hash the configuration of a base model: what it is, apart from its weights."""
    return hashlib.sha256((Path(path) / "config.json").read_bytes()).hexdigest()


def _must_be_finished(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Refuse answers from what a run left behind that a check has stopped."""
    if stopped := manifest.get("stopped"):
        raise AdapterRefused(
            expected="an adapter whose training ended by itself",
            got=f"the state before step {stopped['step']}, where the run was stopped by {stopped['failure']}",
            where=str(folder),
            action="remove the cause and train again with --overwrite, or go on from here with is_trainable=True",
        )


def _must_be_alone(found: AdapterFiles) -> None:
    """Without a manifest nobody can say which of two weight files was trained; PEFT would take the first."""
    there = [name for name in WEIGHTS if (found.folder / name).is_file()]
    if len(there) > 1:
        raise AdapterRefused(
            expected="one weight file, or a manifest that says which is the trained one",
            got=f"{' and '.join(there)} [adapter-stale-format]",
            where=str(found.folder),
            action="delete the older one, after a look at their dates",
        )


def _put_on(llm: BaseLLM, found: AdapterFiles, *, is_trainable: bool) -> Any:  # noqa: ANN401 - a PEFT model
    """Put the adapter on the base; a key that finds no place, or a place without a key, is an error, not a warning."""
    from peft import PeftConfig, PeftModel, get_peft_model, set_peft_model_state_dict  # noqa: PLC0415 - 2 s

    complaint = ""
    try:
        saved = _read_tensors(found.weights)
        with quiet_peft(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Found missing adapter keys")  # said below, as an error
            if found.weights[0].name in WEIGHTS:
                adapted = PeftModel.from_pretrained(llm.model, str(found.folder), is_trainable=is_trainable)
            else:
                config = PeftConfig.from_pretrained(str(found.folder))  # shards: PEFT looks for whole files only
                config.inference_mode = not is_trainable
                adapted = get_peft_model(llm.model, config)
                set_peft_model_state_dict(adapted, dict(saved))
        complaint = _misplaced(adapted, saved.keys())
    except Exception as error:  # noqa: BLE001 - PEFT, safetensors and torch each raise their own
        complaint = f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else 'no details'}"
    if complaint:
        raise AdapterRefused(
            expected="an adapter that loads",
            got=complaint[:300],
            where=f"{found.folder}, on {llm.checkpoint.name}",
            action="train it again, or name the base it was trained on",
        )
    return adapted


def _misplaced(adapted: Any, saved: Iterable[str]) -> str:  # noqa: ANN401 - a PEFT model
    """Compare the keys that were saved with those the adapter has; empty when they are the same."""
    from peft import get_peft_model_state_dict  # noqa: PLC0415

    wanted = get_peft_model_state_dict(adapted, save_embedding_layers=False).keys()
    # an embedding of the base may have been saved along; it is in the model under the same name
    extra = sorted(set(saved) - wanted - adapted.state_dict().keys())
    lost = sorted(wanted - set(saved))
    if lost:
        return f"{len(lost)} of {len(wanted)} tensors missing on disk, {lost[0]} among them [adapter-keys-ignored]"
    return f"{len(extra)} tensors that find no place, {extra[0]} among them [adapter-keys-ignored]" if extra else ""


def _read_tensors(weights: tuple[Path, ...]) -> dict[str, Any]:
    """Read every tensor of one file, or of all shards."""
    import torch  # noqa: PLC0415
    from safetensors.torch import load_file  # noqa: PLC0415

    state: dict[str, Any] = {}
    for path in weights:
        state |= load_file(path) if path.suffix == ".safetensors" else torch.load(path, weights_only=True)
    return state


def _must_be_trained(model: torch.nn.Module, folder: Path) -> None:
    """Refuse an adapter in which everything is zero that a fresh one begins with as zero: it changes nothing."""
    second = [weight for name, weight in model.named_parameters() if any(part in name for part in BEGIN_AS_ZERO)]
    if second and not any(bool(weight.any()) for weight in second):
        raise AdapterRefused(
            expected="a trained adapter",
            got=f"one in which every lora_B is zero ({len(second)} of {len(second)} tensors): it was created and never "
            "trained [adapter-untrained]",
            where=str(folder),
            action="train one: python -m homework.sft train",
        )
