"""Adapters on disk: is one there, is it the one that was trained, was it trained at all?

``inspect_adapter`` reads a folder and says for each failure of this stage whether it is there. It raises for nothing
that a folder may hold, and imports neither torch nor PEFT.

    unsilent check adapter sft_model
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from . import manifest as manifests
from .adapter_folder import CONFIG, WHOLE, AdapterFolder, find_doubled, read_folder
from .outcome import Report, failed, passed, skipped
from .tensor_files import LONG_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .failures import Stage
    from .outcome import Outcome

STAGE: Stage = "adapter"
# What PEFT initialises as zero, so that a fresh adapter changes nothing: LoRA, LoRA on embeddings, AdaLoRA.
BEGIN_AS_ZERO = ("lora_B", "lora_embedding_A", "lora_E")
BEGIN_WITH_ZERO = (True, "gaussian", "eva")  # values of init_lora_weights; PiSSA, OLoRA, LoftQ begin with the base's
SHORT_NAMES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


def inspect_adapter(path: str | Path) -> Report:
    """Look at an adapter folder, or at the output folder of a training run that holds one.

    Args:
        path: A folder; one whose adapter lies in ``checkpoint-<n>`` below it is judged by the last of these.

    Returns:
        One outcome for each failure that is looked for; every one skipped when there is no such folder.
    """
    asked = Path(path)
    if not str(path).strip():
        return _unjudged(asked, "no name was given")
    try:
        if not asked.is_dir() and not find_doubled(asked):
            reason = "a file, not a folder" if asked.exists() else "no such folder"
            return _unjudged(asked, reason)
        looked = read_folder(asked)
        if looked.several:
            return _unjudged(asked, f"{len(looked.several)} adapters below it ({', '.join(looked.several)}): name one")
        subject = asked if looked.folder == asked else looked.folder
        return Report(str(subject), tuple(check(looked) for check in _CHECKS.values()))
    except OSError as error:
        return _unjudged(asked, f"cannot be read ({error.strerror or error})")


def _unjudged(asked: Path, reason: str) -> Report:
    return Report(str(asked), tuple(skipped(slug, STAGE, reason) for slug in _CHECKS))


def _check_place(looked: AdapterFolder) -> Outcome:
    """[nested-output-dir] Look for an adapter that was saved one folder too deep, below its own package's name."""
    doubled = find_doubled(looked.asked)
    if doubled is None:
        return passed("nested-output-dir", STAGE)
    meant, found = doubled
    return failed(
        "nested-output-dir",
        STAGE,
        f"Expected the adapter in {meant}, but got it in {found}: a relative path was resolved against the folder that "
        f"it already names. Where: {found}. What to do: move it to where it belongs, and resolve paths "
        "with a separator against the current directory.",
        {"asked": str(meant), "found": str(found)},
    )


def _check_presence(looked: AdapterFolder) -> Outcome:
    """[adapter-missing] A folder without a complete adapter."""
    if looked.has_config and looked.weights and looked.config:
        return passed("adapter-missing", STAGE)
    if looked.has_config and looked.weights:
        return failed(
            "adapter-missing",
            STAGE,
            f"Expected {CONFIG} to hold PEFT's configuration, but got a file that cannot be read as one. Where: "
            f"{looked.folder / CONFIG}. What to do: put the right file back, or train again.",
            {"lacking": "a readable configuration", "there": looked.there},
        )
    lacking = CONFIG if looked.weights else ("weights" if looked.has_config else "configuration and weights")
    return failed(
        "adapter-missing",
        STAGE,
        f"Expected {CONFIG} and {' or '.join(WHOLE)}, but got a folder without {lacking} (there: "
        f"{', '.join(looked.there) or 'nothing'}). Where: {looked.folder}. What to do: name the folder the adapter was "
        "saved to, or train one; never create one in its place.",
        {"lacking": lacking, "there": looked.there},
    )


def _check_format(looked: AdapterFolder) -> Outcome:
    """[adapter-format] Weights that a loader will not find: under another name, or in shards of which some are lost."""
    if looked.lost_shards:
        return failed(
            "adapter-format",
            STAGE,
            f"Expected every shard of the adapter, but got a folder without number {looked.lost_shards[0]} "
            f"({len(looked.lost_shards)} missing). Where: {looked.folder}. What to do: copy the folder again, whole.",
            {"lost_shards": looked.lost_shards, "there": looked.there},
        )
    if not looked.weights and looked.other_weights:
        return failed(
            "adapter-format",
            STAGE,
            f"Expected the weights as {' or '.join(WHOLE)}, but got {', '.join(looked.other_weights[:5])}, where no "
            f"loader looks. Where: {looked.folder}. What to do: save with save_pretrained, or rename the file if it "
            "holds an adapter.",
            {"found": looked.other_weights, "expected": list(WHOLE)},
        )
    if not looked.weights:
        return skipped("adapter-format", STAGE, "no weights in the folder")
    if looked.damage:
        return failed(
            "adapter-format",
            STAGE,
            f"Expected a safetensors file, but got one that cannot be read as such ({looked.damage}). Where: "
            f"{looked.folder}. What to do: copy it again, or train again.",
            {"damage": looked.damage},
        )
    return passed("adapter-format", STAGE)


def _check_against_manifest(looked: AdapterFolder) -> Outcome:
    """[adapter-overwritten] Files that are not those the manifest beside them describes."""
    slug = "adapter-overwritten"
    if "schema" in looked.manifest_complaint:
        return skipped(slug, STAGE, f"the manifest cannot be used: {looked.manifest_complaint}")
    if looked.manifest_complaint:
        return failed(
            slug,
            STAGE,
            f"Expected the manifest as training wrote it, but got {looked.manifest_complaint}. Where: "
            f"{looked.folder / manifests.FILE}. What to do: put the original back, or train again.",
            {"manifest": looked.manifest_complaint},
        )
    if looked.manifest is None:
        return skipped(slug, STAGE, f"no {manifests.FILE} beside the adapter: nobody can say whether it was changed")
    noticed = manifests.find_changes(looked.folder, looked.manifest)
    changes = {name: what for name, what in noticed.items() if manifests.is_adapter_file(name)}
    if not changes:
        also = "; ".join(f"{name}: {what}" for name, what in noticed.items())
        said = [f"changed since training, beside the adapter itself: {also}"] if also else []
        if stopped := looked.manifest.get("stopped"):
            said.append(f"the state before step {stopped['step']}, where the run was stopped by {stopped['failure']}")
        return passed(slug, STAGE, "; ".join(said))
    name, what = next(iter(changes.items()))
    return failed(
        slug,
        STAGE,
        f"Expected the files that training wrote on {looked.manifest['created']}, but got {name}: {what} "
        f"({len(changes)} of {len(looked.manifest['files'])} files). Where: {looked.folder}. What to do: find out what "
        "saved there since; put the right files back, or train again.",
        {"changes": changes, "written": looked.manifest["created"]},
    )


def _check_trained(looked: AdapterFolder) -> Outcome:
    """[adapter-untrained] An adapter in which all is zero that a fresh one begins with as zero was never trained."""
    slug = "adapter-untrained"
    if not looked.weights:
        return skipped(slug, STAGE, "no weights in the folder")
    if looked.unread:
        return skipped(slug, STAGE, looked.unread)
    second = [tensor for name, tensor in looked.tensors.items() if any(part in name for part in BEGIN_AS_ZERO)]
    second = [tensor for tensor in second if tensor.bits.size]
    if not second:
        return skipped(slug, STAGE, f"no lora_B with values among {len(looked.tensors)} tensors: no LoRA adapter")
    zero = sum(tensor.is_zero for tensor in second)
    begun = looked.config.get("init_lora_weights", True)
    if zero < len(second) and begun not in BEGIN_WITH_ZERO:
        return skipped(slug, STAGE, f"initialised by {begun!r}, where a fresh adapter is not zero")
    if zero < len(second):
        return passed(slug, STAGE)
    return failed(
        slug,
        STAGE,
        f"Expected a trained adapter, but every lora_B is zero ({zero} of {len(second)} tensors): it was created and "
        f"never trained. Where: {looked.weights[0]}. What to do: train it, or find what saved over the trained one.",
        {"zero": zero, "lora_B": len(second)},
    )


def _check_adapter_dtype(looked: AdapterFolder) -> Outcome:
    """[dtype-mismatch] Tensors in another dtype than the manifest says the adapter was trained in."""
    slug = "dtype-mismatch"
    if looked.manifest is None:
        return skipped(slug, STAGE, "no usable manifest beside the adapter: nobody can say what it was trained in")
    if not looked.weights or looked.unread:
        return skipped(slug, STAGE, looked.unread or "no weights in the folder")
    trained = SHORT_NAMES.get(looked.manifest["dtype"]["adapter"], looked.manifest["dtype"]["adapter"])
    tuned = [one for name, one in looked.tensors.items() if "lora_" in name] or list(looked.tensors.values())
    found = sorted({LONG_NAMES.get(tensor.dtype, tensor.dtype) for tensor in tuned})
    if found == [trained]:
        return passed(slug, STAGE)
    return failed(
        slug,
        STAGE,
        f"Expected adapter weights in {trained}, as in training, but got {', '.join(found) or 'no tensor'}. Where: "
        f"{looked.weights[0]}. What to do: save the adapter in the dtype it was trained in.",
        {"trained": trained, "found": found},
    )


_CHECKS: Mapping[str, Callable[[AdapterFolder], Outcome]] = {
    "nested-output-dir": _check_place,
    "adapter-missing": _check_presence,
    "adapter-format": _check_format,
    "adapter-overwritten": _check_against_manifest,
    "adapter-untrained": _check_trained,
    "dtype-mismatch": _check_adapter_dtype,
}
