"""Checks of an adapter's files: in their place, complete, whole, harmless, those that training wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import manifest as manifests
from .adapter_folder import CONFIG, WHOLE
from .outcome import failed, passed, skipped

if TYPE_CHECKING:
    from .adapter_facts import AdapterFacts
    from .failures import Stage
    from .outcome import Outcome

STAGE: Stage = "adapter"
NAMED = 20  # files or names listed in the evidence


def check_place(facts: AdapterFacts) -> Outcome:
    """[nested-output-dir] Look for an adapter that was saved one folder too deep, below its own package's name."""
    if facts.looked.doubled is None:
        return passed("nested-output-dir", STAGE)
    meant, found = facts.looked.doubled
    return failed(
        "nested-output-dir",
        STAGE,
        f"Expected the adapter in {meant}, but got it in {found}: a relative path was resolved against the folder that "
        f"it already names. Where: {found}. What to do: move it to where it belongs, and resolve paths "
        "with a separator against the current directory.",
        {"asked": str(meant), "found": str(found)},
    )


def check_presence(facts: AdapterFacts) -> Outcome:
    """[adapter-missing] A folder without a complete adapter, or with a configuration that nobody can load."""
    looked = facts.looked
    complaints = [*facts.complaints]
    if facts.base and facts.base.refused == "configuration":
        complaints.append(facts.base.complaint)
    if looked.has_config and looked.weights and looked.config and not complaints:
        return passed("adapter-missing", STAGE)
    if looked.has_config and looked.weights:
        got = "; ".join(complaints) if looked.config else "a file that cannot be read as one"
        return failed(
            "adapter-missing",
            STAGE,
            f"Expected {CONFIG} to hold PEFT's configuration, but got {got}. Where: {looked.folder / CONFIG}. What to "
            "do: put the right file back, or train again.",
            {"lacking": "a usable configuration", "complaints": complaints, "there": looked.there},
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


def check_format(facts: AdapterFacts) -> Outcome:
    """[adapter-format] Weights that a loader will not find, or not take for what they are.

    Under another name, in shards of which some are lost, or a pickle under the name of a safetensors file.
    """
    looked = facts.looked
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
    if disguised := [path.name for path in looked.pickles if path.suffix == ".safetensors"]:
        return failed(
            "adapter-format",
            STAGE,
            f"Expected safetensors under that name, but got a pickle ({facts.scans[looked.folder / disguised[0]].kind})"
            f" in {disguised[0]}. Where: {looked.folder}. What to do: do not load it; have it saved again with "
            "save_pretrained.",
            {"disguised": disguised},
        )
    shards = len(looked.weights) > 1
    return passed("adapter-format", STAGE, "in shards, which PEFT does not load by itself" if shards else "")


def check_whole(facts: AdapterFacts) -> Outcome:
    """[adapter-corrupt] Files that end early, contradict themselves, or were never written."""
    looked = facts.looked
    if not looked.weights:
        return skipped("adapter-corrupt", STAGE, "no weights in the folder")
    if looked.damage:
        return failed(
            "adapter-corrupt",
            STAGE,
            f"Expected whole weights, but got a file that cannot be read ({looked.damage}). Where: {looked.folder}. "
            "What to do: copy it again, or train again; save beside the target and rename.",
            {"damage": looked.damage},
        )
    if facts.unread:
        return skipped("adapter-corrupt", STAGE, facts.unread)
    integers = [name for name, one in facts.tensors.items() if "lora_" in name and not one.kind.is_float]
    if integers:
        dtype = facts.tensors[integers[0]].kind.name
        return failed(
            "adapter-corrupt",
            STAGE,
            f"Expected weights, but got {dtype} in {integers[0]} ({len(integers)} tensors): the header calls floats "
            f"integers, or something else was saved. Where: {looked.weights[0]}. What to do: copy it again, or train "
            "again.",
            {"dtype": dtype, "tensors": integers[:NAMED]},
        )
    return passed("adapter-corrupt", STAGE)


def check_pickles(facts: AdapterFacts) -> Outcome:
    """[adapter-unsafe-pickle] Pickles that would run code when they are loaded; only their opcodes are read."""
    slug = "adapter-unsafe-pickle"
    unsafe = {path.name: scan.unsafe for path, scan in facts.scans.items() if scan.unsafe}
    unsafe |= {path.name: calls for path, calls in facts.foreign.items()}
    if not facts.looked.weights and not unsafe:
        return skipped(slug, STAGE, "no weights in the folder")
    if not unsafe:
        kinds = ", ".join(f"{path.name}: {scan.kind}" for path, scan in facts.scans.items())
        return passed(slug, STAGE, f"harmless by its opcodes ({kinds})" if kinds else "")
    name, calls = next(iter(unsafe.items()))
    return failed(
        slug,
        STAGE,
        f"Expected tensors alone, but got a pickle that would call {', '.join(calls[:3])} when it is loaded. Where: "
        f"{facts.looked.folder / name}. What to do: do not load it; ask for safetensors, and find out where it came "
        "from.",
        {"calls": {file: list(names[:NAMED]) for file, names in unsafe.items()}},
    )


def check_shadow(facts: AdapterFacts) -> Outcome:
    """[adapter-stale-format] Weights in two formats that differ: PEFT reads one and says nothing of the other."""
    slug = "adapter-stale-format"
    looked = facts.looked
    if not looked.weights:
        return skipped(slug, STAGE, "no weights in the folder")
    if not looked.shadowed:
        return passed(slug, STAGE)
    names = ", ".join(path.name for path in looked.shadowed)
    if facts.unread or facts.unlooked or facts.shadow is None:
        return skipped(slug, STAGE, facts.unread or facts.unlooked or f"{names} cannot be read")
    from .tensor_values import agree  # noqa: PLC0415 - numpy, which --quick need not load

    read, other = facts.tensors, facts.shadow
    differing = sorted(read.keys() ^ other.keys())
    differing += [name for name in read.keys() & other.keys() if not agree(read[name], other[name])]
    if not differing:
        return passed(slug, STAGE, f"{names} holds the same as {looked.weights[0].name}")
    ages = {path.name: path.stat().st_mtime for path in (looked.weights[0], looked.shadowed[0])}
    older = " It is the older of the two." if ages[looked.weights[0].name] < ages[looked.shadowed[0].name] else ""
    return failed(
        slug,
        STAGE,
        f"Expected one set of weights, but got {looked.weights[0].name}, which PEFT reads, beside {names}, which "
        f"differs in {len(differing)} of {len(read.keys() | other.keys())} tensors.{older} Where: {looked.folder}. "
        "What to do: find out which is the trained one, and leave that one alone in the folder.",
        {"read": looked.weights[0].name, "shadowed": [path.name for path in looked.shadowed],
         "differing": differing[:NAMED], "modified": ages},
    )  # fmt: skip


def check_manifest(facts: AdapterFacts) -> Outcome:
    """[adapter-overwritten] Files that are not those the manifest beside them describes."""
    slug = "adapter-overwritten"
    looked = facts.looked
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
    if looked.manifest is None or facts.changes is None:
        return skipped(slug, STAGE, f"no {manifests.FILE} beside the adapter: nobody can say whether it was changed")
    changes = {name: what for name, what in facts.changes.items() if manifests.is_adapter_file(name)}
    if not changes:
        also = "; ".join(f"{name}: {what}" for name, what in facts.changes.items())
        said = [f"changed since training, beside the adapter itself: {also}"] if also else []
        match looked.manifest:
            case {"stopped": {"step": int(step), "failure": str(failure)}}:
                said.append(f"the state before step {step}, where the run was stopped by {failure}")
        if facts.unlooked and not facts.unread:
            said.append("large files compared by size alone")
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
