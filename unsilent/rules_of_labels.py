"""Rule: labels that are all masked, or unmasked where that happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .code_findings import Finding, assigned_at
from .model_calls import tokenizes, trainings
from .prompt_shapes import shapes
from .symbols import (
    Const,
    Many,
    Op,
    Part,
    Result,
    Site,
    Table,
    constant,
    walk,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .code_findings import Reading
    from .entry_points import Run
    from .symbolic_notes import Store
    from .symbols import Call, Choice, Guard, Thing, Value

IGNORED = -100  # the label that the loss leaves out


def find_masked_labels(reading: Reading) -> Iterator[Finding]:
    """[labels-all-masked] Every label is masked; or, where that happened, all are unmasked to hide it.

    Healthy: an error, or a row that is left out, where no label is left.
    """
    for run in reading.runs:
        if not trainings(run):
            continue
        yield from _masked_throughout(run)
        for labels in _labels(run):
            yield from _measured_with_padding(run, labels)
            for choice in labels:
                if _all_masked(choice, run):
                    yield _nothing_learnt(run, choice.site, choice.path)
                elif _unmasks(choice.guards) and not _is_only_mask((choice,)) and not _is_copy(choice):
                    yield _unmasked(run, assigned_at(choice))
        for store in run.stores:
            if (
                not store.name
                and _unmasks(store.guards)
                and not _is_only_mask(store.value)
                and _is_labels(store.target)
            ):
                yield _unmasked(run, store.site)


def _masked_throughout(run: Run) -> Iterator[Finding]:
    """``labels[:] = -100``, ``labels.fill_(-100)``, and nothing that is written over it."""
    known = {id(choice.thing) for labels in _labels(run) for choice in labels}
    acts: list[tuple[Store | Call, Value, bool]] = [
        (one, one.target, _covers(one.key) and _is_only_mask(one.value)) for one in run.stores if not one.name
    ]
    acts += [(one, one.receiver, any(map(_is_mask, one.args))) for one in run.calls if one.last == "fill_"]
    for act, target, masks in acts:
        mine = known & {id(choice.thing) for choice in target}
        later = any(other.order > act.order and mine & {id(one.thing) for one in of} for other, of, _ in acts)
        if mine and masks and not later and not any(guard.kind == "if" for guard in act.guards):
            yield _nothing_learnt(run, act.site, ())


def _measured_with_padding(run: Run, labels: Value) -> Iterator[Finding]:
    """Labels that begin behind the prompt, whose tokens were counted after it was padded to the length of a row."""
    made_of = list(walk(labels, with_guards=True))
    tokenized = {
        id(thing): thing.call
        for choice in made_of
        if isinstance(thing := choice.thing, Result) and tokenizes(thing.call)
    }
    texts = {text for call in tokenized.values() for text, _ in shapes(call.argument("text", 0))}
    for choice in made_of:
        if not (isinstance(choice.thing, Result) and choice.thing.call.name == "len"):
            continue
        for counted in walk(choice.thing.call.args[0] if choice.thing.call.args else (), into=_is_column):
            call = tokenized.get(id(counted.thing))
            if call and constant(call.argument("padding")) == "max_length":
                prompts = {text for text, _ in shapes(call.argument("text", 0))}
                if any(text != prompt and text.startswith(prompt) for prompt in prompts for text in texts):
                    yield Finding(
                        "labels-all-masked", choice.site, "likely", "the tokens of the prompt to be counted",
                        "those of a prompt that was padded to the length of a row, so that every label is masked",
                        "count them without padding, or add up its attention_mask", choice.path, run.name,
                    )  # fmt: skip


def _is_column(thing: Thing) -> bool:
    return isinstance(thing, Part)


def _covers(key: Value) -> bool:
    """``[:]`` and ``[...]``."""
    thing = key[0].thing if len(key) == 1 else None
    if isinstance(thing, Op) and thing.name == ":":
        return all(constant(end) is None and isinstance(end[0].thing, Const) for end in thing.operands)
    return isinstance(thing, Const) and thing.value is Ellipsis


def _nothing_learnt(run: Run, site: Site, path: tuple[str, ...]) -> Finding:
    return Finding(
        "labels-all-masked", site, "certain", "labels where the answer stands",
        "-100 in every place, so that nothing is learnt", "mask the prompt's tokens only", path, run.name,
    )  # fmt: skip


def _unmasked(run: Run, site: Site) -> Finding:
    return Finding(
        "labels-all-masked", site, "likely", "an error where a row has no label left",
        "labels that are taken from the prompt instead, so that the loss looks right",
        "keep the answer within max_length, and refuse a row without labels", (), run.name,
    )  # fmt: skip


def _labels(run: Run) -> Iterator[Value]:
    """Every value that becomes ``labels`` of a row."""
    seen: set[int] = set()
    for _, _, result, _ in run.applied:
        for choice in result:
            thing = choice.thing
            if isinstance(thing, Table) and "labels" in thing.items and id(thing) not in seen:
                seen.add(id(thing))
                yield thing.items["labels"]
            elif "[labels]" in thing.attrs and id(thing) not in seen:
                seen.add(id(thing))
                yield thing.attrs["[labels]"]


def _is_mask(value: Value) -> bool:
    return any(isinstance(choice.thing, Const) and choice.thing.value == IGNORED for choice in value)


def _compared(operands: tuple[Value, ...]) -> str:
    """What it means that these are equal: a label and the mask, the greatest of labels and the mask, two sets."""
    every = [choice.thing for operand in operands for choice in operand]
    if any(isinstance(thing, Many) and list(map(constant, thing.items)) == [IGNORED] for thing in every):
        return "empty"
    if not any(map(_is_mask, operands)):
        return ""
    greatest = any(isinstance(thing, Result) and thing.call.last in {"max", "amax"} for thing in every)
    return "empty" if greatest else "masked"


def _mentions_mask(value: Value) -> bool:
    return any(isinstance(choice.thing, Const) and choice.thing.value == IGNORED for choice in walk(value))


def _unmasks(guards: tuple[Guard, ...]) -> bool:
    """Whether this is the branch in which no label is left."""
    for guard in guards:
        said = status(guard.test) if guard.kind == "if" else None
        if (said == "empty" and guard.holds) or (said in {"filled", "how many"} and not guard.holds):
            return True
    return False


def status(value: Value) -> str:
    """What a condition says about labels.

    ``masked`` and ``learnt`` are said of each label, ``how many`` counts those that are learnt, ``how few`` those that
    are masked; ``empty`` holds where none is learnt, ``filled`` where one is. Nothing is said of anything else.
    """
    found = {_status(choice.thing) for choice in value}
    return found.pop() if len(found) == 1 else ""


OPPOSITE = {"empty": "filled", "filled": "empty", "masked": "learnt", "learnt": "masked", "how many": "empty"}
AGGREGATES = {
    ("all", "masked"): "empty", ("any", "learnt"): "filled",
    ("sum", "learnt"): "how many", ("sum", "masked"): "how few",
    ("count_nonzero", "learnt"): "how many", ("len", "learnt"): "how many", ("numel", "learnt"): "how many",
}  # fmt: skip
COMPARES = {"eq": "masked", "ne": "learnt", "equal": "masked", "not_equal": "learnt"}
PASSED_ON = {"len", "any", "all", "item", "bool", "int", "tolist", "list", "tuple"}


def _status(thing: Thing) -> str:  # noqa: PLR0911 - one for each kind
    if isinstance(thing, Many) and thing.items:
        guards = [guard for choice in thing.items[0] for guard in choice.guards if guard.kind == "if"]
        tested = [status(guard.test) for guard in guards if guard.holds]
        kept = next((said for said in tested if said in {"learnt", "masked"}), "")
        return {"learnt": "how many", "masked": "how few"}[kept] if kept else status(thing.items[0])
    if isinstance(thing, Op):
        if thing.name in {"not", "Invert"}:
            return OPPOSITE.get(status(thing.operands[0]), "")
        if thing.name in {"and", "or"}:
            return next((said for operand in thing.operands if (said := status(operand))), "")
        if thing.name in {"==", "!="} and (said := _compared(thing.operands)):
            return said if thing.name == "==" else OPPOSITE[said]
        return _counted(thing) if len(thing.operands) == 2 else ""  # noqa: PLR2004 - a comparison
    if isinstance(thing, Result):
        call = thing.call
        if call.last == "count" and any(map(_is_mask, call.args)):
            return "how few"
        if call.last in COMPARES and any(map(_is_mask, call.args)):
            return COMPARES[call.last]
        inner = next((said for value in (call.receiver, *call.args) if (said := status(value))), "")
        return AGGREGATES.get((call.last, inner), inner if call.last in PASSED_ON else "")
    return ""


def _counted(thing: Op) -> str:
    """A comparison of a count: with nothing, or with the length."""
    said, limit = status(thing.operands[0]), constant(thing.operands[1])
    if said == "how few":
        return {"==": "empty", ">=": "empty", "!=": "filled", "<": "filled"}.get(thing.name, "")
    if said == "how many":
        none = (thing.name, limit) in {("==", 0), ("<=", 0), ("<", 1)}
        some = (thing.name, limit) in {("!=", 0), (">", 0), (">=", 1)}
        return "empty" if none else "filled" if some else ""
    return ""


def _is_copy(choice: Choice) -> bool:
    """A copy of the labels themselves, which is written into afterwards."""
    call = choice.thing.call if isinstance(choice.thing, Result) else None
    return call is not None and call.last in {"clone", "copy", "tolist", "deepcopy"} and _is_labels(call.receiver)


def _is_only_mask(value: Value) -> bool:
    """Nothing, or -100 alone."""
    return all(
        (isinstance(choice.thing, Const) and choice.thing.value in {IGNORED, None})
        or (isinstance(choice.thing, Many) and all(map(_is_only_mask, choice.thing.items)))
        for choice in value
    )


def _is_labels(target: Value) -> bool:
    return any(_mentions_mask((choice,)) or _named(choice) for choice in target)


def _named(choice: Choice) -> bool:
    return any("labels" in step for step in choice.path)


def _all_masked(choice: Choice, run: Run) -> bool:
    """A list of nothing but -100, which nobody writes into afterwards."""
    thing = choice.thing
    if isinstance(thing, Result):
        given = (*thing.call.args, *thing.call.kwargs.values())
        filled = thing.call.last in {"full_like", "new_full", "full"} and any(map(_is_mask, given))
    elif isinstance(thing, Many):
        filled = bool(thing.items) and all(len(item) == 1 and constant(item) == IGNORED for item in thing.items)
    else:
        return False
    return filled and not any(
        not store.name and any(one.thing is thing for one in store.target) for store in run.stores
    )
