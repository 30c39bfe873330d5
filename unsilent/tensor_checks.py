"""Checks of what an adapter's tensors are: there, finite, trained, of the right shape, under names that PEFT reads."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from .file_checks import NAMED, STAGE
from .lora_coverage import FAMILIES, Coverage
from .outcome import failed, passed, skipped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .adapter_facts import AdapterFacts
    from .outcome import Outcome
    from .tensor_files import Tensor

# What PEFT initialises as zero, so that a fresh adapter changes nothing: LoRA, LoRA on embeddings, AdaLoRA.
BEGIN_AS_ZERO = ("lora_B.weight", "lora_embedding_A", "lora_E")
BEGIN_WITH_ZERO = (True, "gaussian", "eva")  # values of init_lora_weights; PiSSA, OLoRA, LoftQ begin with the base's
SHORT_NAMES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
LARGEST_FLOAT32 = 3.4028235e38
WIDTH_16 = {"float16", "bfloat16"}


def check_content(facts: AdapterFacts) -> Outcome:
    """[adapter-empty] A file without tensors, or tensors without values, as sharded training leaves behind."""
    slug = "adapter-empty"
    if facts.unread:
        return skipped(slug, STAGE, facts.unread)
    empty = [name for name, tensor in facts.tensors.items() if not tensor.size]
    if facts.tensors and not empty:
        return passed(slug, STAGE)
    weights = facts.looked.weights[0]
    got = f"{len(empty)} of {len(facts.tensors)} tensors without a value" if empty else "a file without any tensor"
    return failed(
        slug,
        STAGE,
        f"Expected the adapter's weights, but got {got} ({weights.stat().st_size} bytes): the wrong state dict was "
        f"saved. Where: {weights}. What to do: gather the parameters before saving them.",
        {"tensors": len(facts.tensors), "empty": empty[:NAMED], "bytes": weights.stat().st_size},
    )


def check_finite(facts: AdapterFacts) -> Outcome:
    """[adapter-nonfinite] NaN or inf in a tensor: it loads without a word, and every answer is garbage."""
    slug = "adapter-nonfinite"
    if facts.values is None:
        return skipped(slug, STAGE, facts.unlooked)
    bad = {name: values for name, values in facts.values.items() if values.nonfinite}
    over = {path: norm for path, norm in facts.norms.items() if not norm <= LARGEST_FLOAT32}
    if not bad and not over:
        return passed(slug, STAGE)
    if not bad:
        path, norm = next(iter(over.items()))
        return failed(
            slug,
            STAGE,
            f"Expected an update that float32 can hold, but got one of norm {norm:.3g} for {path} ({len(over)} of "
            f"{len(facts.norms)} modules): it becomes inf when it is used. Where: {facts.looked.weights[0]}. What to "
            "do: find out what scaled it; go back to the last good checkpoint.",
            {"modules": dict(list(over.items())[:NAMED]), "count": len(over), "alpha": facts.intent.alpha},
        )
    name, values = next(iter(bad.items()))
    size = facts.tensors[name].size
    return failed(
        slug,
        STAGE,
        f"Expected finite weights, but got NaN or inf in {name}, {values.nonfinite} of {size} values, the first at "
        f"{list(values.first)} ({len(bad)} of {len(facts.values)} tensors). Where: "
        f"{facts.looked.weights[0]}. What to do: go back to the last good checkpoint, and train with the guard on.",
        {"tensors": {one: found.nonfinite for one, found in list(bad.items())[:NAMED]}, "count": len(bad),
         "first": {"tensor": name, "index": list(values.first)}},
    )  # fmt: skip


def check_trained(facts: AdapterFacts) -> Outcome:
    """[adapter-untrained] An adapter in which all is zero that a fresh one begins with as zero was never trained."""
    slug = "adapter-untrained"
    if facts.values is None:
        return skipped(slug, STAGE, facts.unlooked)
    second = [name for name, tensor in facts.tensors.items() if tensor.size and _begins_as_zero(name)]
    if not second:
        return skipped(slug, STAGE, f"no lora_B with values among {len(facts.tensors)} tensors: no LoRA adapter")
    zero = [name for name in second if facts.values[name].zero]
    begun = facts.intent.initial
    part = next(part for part in BEGIN_AS_ZERO if second[0].endswith(f".{part}")).removesuffix(".weight")
    if len(zero) == len(second):
        why = f"every {part} is zero ({len(zero)} of {len(second)} tensors): it was created and never trained"
    elif facts.norms and not any(facts.norms.values()):  # NaN is not zero
        why = f"what it adds is zero in each of {len(facts.norms)} modules (lora_alpha is {facts.intent.alpha})"
    elif begun not in BEGIN_WITH_ZERO:
        return skipped(slug, STAGE, f"initialised by {begun!r:.60}, where a fresh adapter is not zero")
    else:
        return passed(slug, STAGE, f"{len(zero)} of {len(second)} {part} are zero, {zero[0]} first" if zero else "")
    return failed(
        slug,
        STAGE,
        f"Expected a trained adapter, but {why}. Where: {facts.looked.weights[0]}. What to do: train it, or find what "
        "saved over the trained one.",
        {"zero": len(zero), part: len(second), "alpha": facts.intent.alpha},
    )


def _begins_as_zero(name: str) -> bool:
    """AdaLoRA's lora_B is drawn at random, its lora_E is zero; its names end without ``.weight``."""
    return any(name.endswith(f".{part}") for part in BEGIN_AS_ZERO)


def check_dtype(facts: AdapterFacts) -> Outcome:
    """[dtype-mismatch] Tensors in another dtype than the manifest says the adapter was trained in."""
    slug = "dtype-mismatch"
    if facts.unread:
        return skipped(slug, STAGE, facts.unread)
    floats = {name: one for name, one in facts.tensors.items() if one.kind.is_float}  # indices are integers by nature
    tuned = {name: one for name, one in floats.items() if "lora_" in name} or floats
    found = sorted({tensor.kind.name for tensor in tuned.values()})
    manifest = facts.looked.manifest
    if manifest is None and set(found) >= WIDTH_16:
        few = min(sorted(WIDTH_16), key=lambda kind: sum(tensor.kind.name == kind for tensor in tuned.values()))
        rare = {name: one for name, one in tuned.items() if one.kind.name == few}
        return _wrong_dtype(facts, "one 16-bit format", rare)
    if manifest is None:
        return skipped(slug, STAGE, "no usable manifest beside the adapter: nobody can say what it was trained in")
    trained = SHORT_NAMES.get(manifest["dtype"]["adapter"], manifest["dtype"]["adapter"])
    other = {name: one for name, one in tuned.items() if one.kind.name != trained}
    return _wrong_dtype(facts, trained, other) if other or not tuned else passed(slug, STAGE)


def _wrong_dtype(facts: AdapterFacts, trained: str, other: Mapping[str, Tensor]) -> Outcome:
    found = sorted({tensor.kind.name for tensor in other.values()})
    return failed(
        "dtype-mismatch",
        STAGE,
        f"Expected adapter weights in {trained}, as in training, but got {', '.join(found) or 'no tensor'} "
        f"({len(other)} of {len(facts.tensors)} tensors). Where: {facts.looked.weights[0]}. What to do: save the "
        "adapter in the dtype it was trained in.",
        {"trained": trained, "found": found, "tensors": list(other)[:NAMED]},
    )


def check_shapes(facts: AdapterFacts) -> Outcome:
    """[adapter-shape-mismatch] Shapes that contradict each other, the configuration's rank, or the base."""
    slug = "adapter-shape-mismatch"
    if facts.on_base:
        wrong = {
            name: f"{list(found)}, where the base has {list(expected)}"
            for name, (found, expected) in facts.on_base.mismatched.items()
        }
    elif facts.layout is None:
        return skipped(slug, STAGE, facts.unread or facts.unlaid)
    else:
        wrong = facts.layout.misshapen
    if not wrong:
        return passed(slug, STAGE)
    name, why = next(iter(wrong.items()))
    return failed(
        slug,
        STAGE,
        f"Expected shapes that fit the configuration and each other, but got {name} of {why} ({len(wrong)} of "
        f"{len(facts.tensors)} tensors). Where: {facts.looked.weights[0]}. What to do: find the configuration that "
        "these tensors were saved with, or the base that they were trained on.",
        {"tensors": dict(list(wrong.items())[:NAMED]), "count": len(wrong)},
    )


def check_keys(facts: AdapterFacts) -> Outcome:
    """[adapter-keys-ignored] Names that PEFT does not know, and drops with a warning."""
    slug = "adapter-keys-ignored"
    strange = {name: "a name that cannot be printed" for name in facts.tensors if not name.isprintable()}
    known = facts.layout.strange if facts.layout else {}
    if facts.on_base:
        strange |= {name: known.get(name, "the base has no place for it") for name in facts.on_base.unexpected}
    elif facts.layout is None and not strange:
        return skipped(slug, STAGE, facts.unread or facts.unlaid)
    else:
        strange |= known
    if not strange:
        return passed(slug, STAGE)
    name, why = next(iter(strange.items()))
    return failed(
        slug,
        STAGE,
        f"Expected tensors under names that PEFT reads, but got {name}: {why} ({len(strange)} of {len(facts.tensors)} "
        f"tensors are dropped at loading). Where: {facts.looked.weights[0]}. What to do: save with save_pretrained, "
        "or rename the tensors.",
        {"tensors": dict(list(strange.items())[:NAMED]), "count": len(strange)},
    )


def check_coverage(facts: AdapterFacts) -> Outcome:
    """[adapter-coverage] Modules that the configuration asks for and that the file does not hold."""
    slug = "adapter-coverage"
    if facts.coverage is None and facts.on_base is None:
        return skipped(slug, STAGE, facts.unread or facts.unlaid or "no module's tensors")
    coverage = facts.coverage or Coverage({}, 0)
    mistyped = _mistyped(coverage.undecided, facts)
    parts = facts.layout.lacking if facts.layout else ()
    lacking = [*facts.on_base.missing] if facts.on_base else [*parts, *coverage.lost]
    lacking += [f"{name} (no module has this name)" for name in mistyped]
    undecided = [] if facts.on_base else [name for name in coverage.undecided if name not in mistyped]
    if not lacking and undecided:
        names = f"{', '.join(undecided[:NAMED])}" + (" and more" if len(undecided) > NAMED else "")
        return skipped(slug, STAGE, f"no module on disk is called {names}: --base tells whether one should be")
    if not lacking:
        return passed(slug, STAGE)
    return failed(
        slug,
        STAGE,
        f"Expected tensors for every module that the configuration asks for, but got none for {len(lacking)}, "
        f"{lacking[0]} first. Where: {facts.looked.weights[0]}. What to do: save the whole adapter again; compare "
        "target_modules with the names in the base.",
        {"lost": lacking[:NAMED], "count": len(lacking), "covered": len(facts.layout.modules) if facts.layout else 0},
    )


def _mistyped(names: tuple[str, ...], facts: AdapterFacts) -> list[str]:
    """Names that are nearly those of modules that are there, or of their kind."""
    known = set().union(*FAMILIES)
    near = known | {path.rpartition(".")[2] for path in (facts.layout.modules if facts.layout else ())}
    return [
        name for name in names[:NAMED] if name not in known and difflib.get_close_matches(name, near, n=1, cutoff=0.8)
    ]


def check_base(facts: AdapterFacts) -> Outcome:
    """[adapter-base-mismatch] Another base than the one the adapter was trained on."""
    slug = "adapter-base-mismatch"
    config, manifest, base = facts.looked.config, facts.looked.manifest, facts.base
    trained = manifest["base"] if manifest else {"name": "", "revision": "", "config_sha256": ""}
    pairs = {
        "name": (trained["name"], facts.looked.base),
        "revision": (trained["revision"], config.get("revision")),
        "config_sha256": (trained["config_sha256"], base.config_sha256 if base else None),
    }
    other = {what: pair for what, pair in pairs.items() if all(pair) and pair[0] != pair[1]}
    named = f"{facts.looked.base or 'nothing'!r:.80}"
    if base and base.refused == "base" and not other:
        return failed(
            slug,
            STAGE,
            f"Expected a base that takes this adapter, but got one on which {base.complaint}. Where: "
            f"{facts.looked.folder}. What to do: load it on the base it was trained on; it names {named}.",
            {"refusal": base.complaint, "named": facts.looked.base},
        )
    if base and base.complaint and not other:
        return skipped(slug, STAGE, f"the base cannot be asked: {base.complaint}")
    if manifest is None:
        return skipped(slug, STAGE, f"no usable manifest: of its base the adapter says {named} and no more")
    if not other:
        stated = ", ".join(f"{what} of {own[0]}" for what, own in (base.assumed if base else {}).items())
        return passed(slug, STAGE, f"to be loaded with {stated}, as it was saved" if stated else "")
    what, (expected, found) = next(iter(other.items()))
    return failed(
        slug,
        STAGE,
        f"Expected the base that the adapter was trained on, {what} {expected}, but got {found}. Where: "
        f"{facts.looked.folder}. What to do: load it on {trained['name']}, or train it again on the other base.",
        {name: {"trained": pair[0], "found": pair[1]} for name, pair in other.items()},
    )
