"""Rule: prompts of different lengths are padded on the side on which the model does not go on writing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .code_findings import Finding
from .model_calls import is_generation, is_tokenizer
from .symbols import (
    Const,
    Many,
    Op,
    Part,
    Result,
    Site,
    Text,
    Unknown,
    calls_in,
    constant,
    things,
    walk,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .code_findings import Reading
    from .entry_points import Run
    from .symbols import Call, Thing, Value


def find_right_padding(reading: Reading) -> Iterator[Finding]:
    """[padding-side] Prompts of different lengths are padded on the right, and the model goes on after the padding.

    Healthy: right padding in training, and a single prompt, which needs none.
    """
    for run in reading.runs:
        padded: dict[int, Call] = {}
        for call in run.calls:
            if is_generation(call):
                for value in (*call.args, *call.kwargs.values()):
                    for inner in calls_in(value):
                        if is_tokenizer(inner.receiver) and _pads(inner) and not _is_single(inner.argument("text", 0)):
                            padded[id(inner)] = inner
                    yield from _padded_by_hand(run, value)
        for call in padded.values():
            yield from _judge_padding(run, call)


def _padded_by_hand(run: Run, value: Value) -> Iterator[Finding]:
    """``pad_sequence``, or padding tokens that are put behind the prompt's."""
    made = list(walk(value, into=_not_generated))
    if any(isinstance(one.thing, Result) and one.thing.call.last in {"flip", "fliplr", "reversed"} for one in made):
        return
    for one in made:
        thing = one.thing
        called = isinstance(thing, Result) and _pads_behind(thing.call)
        if called or (isinstance(thing, Op) and thing.name == "+" and _is_padding(thing.operands[1])):
            yield Finding(
                "padding-side", one.site, "likely", "padding on the left in generation",
                "padding put behind the prompt", "put it before the prompt", one.path, run.name,
            )  # fmt: skip


def _pads_behind(call: Call) -> bool:
    """``pad_sequence``, ``F.pad(ids, (0, missing))``, ``cat`` with a tensor of one number at the end."""
    if call.last == "pad_sequence":
        return constant(call.argument("padding_side")) != "left"
    if call.last == "pad" and not call.receiver:
        ends = [thing.items for value in call.args[1:2] for thing in things(value) if isinstance(thing, Many)]
        return any(len(pair) == 2 and constant(pair[0]) == 0 for pair in ends)  # noqa: PLR2004 - left and right
    joined = things(call.args[0]) if call.last == "cat" and call.args else []
    last = [thing for one in joined if isinstance(one, Many) for thing in things(one.items[-1])]
    return any(isinstance(thing, Result) and thing.call.last in {"full", "new_full", "full_like"} for thing in last)


def _is_padding(value: Value) -> bool:
    """A list of nothing but padding tokens, as many as are missing."""
    thing = value[0].thing if len(value) == 1 else None
    inner = [one.thing for item in thing.items for one in item] if isinstance(thing, Many) and not thing.whole else []
    return bool(inner) and all(isinstance(one, Part) and one.name in {"pad_token_id", "eos_token_id"} for one in inner)


def _pads(call: Call) -> bool:
    given = call.argument("padding")
    return call.last == "pad" or any(
        isinstance(choice.thing, Const) and choice.thing.value in {True, "longest", "max_length"} for choice in given
    )


def _is_single(value: Value) -> bool:
    """Whether it is one prompt that is tokenized, not a list of them."""
    names = {thing.name.rpartition(".")[2] for thing in things(value) if isinstance(thing, Unknown)}
    texts = [thing for thing in things(value) if isinstance(thing, Text) or isinstance(getattr(thing, "value", 0), str)]
    return bool(value) and len(texts) + len(names & {"question", "prompt", "text"}) == len(value)


def _judge_padding(run: Run, call: Call) -> Iterator[Finding]:
    side, site, sure = _side(run, call)
    if side == "right":
        yield Finding(
            "padding-side", site, "certain" if sure else "likely", "padding on the left in generation",
            "padding on the right" if sure else "the tokenizer's own side, the right one unless its files say else",
            "set tokenizer.padding_side = 'left' before prompts are batched", (), run.name,
        )  # fmt: skip


def _side(run: Run, call: Call) -> tuple[str, Site, bool]:
    """The side on which a call pads, what says so, and whether the code says it."""
    given = call.argument("padding_side")
    tokenizers = {id(choice.thing) for choice in call.receiver}
    made = [choice.thing.call for choice in call.receiver if isinstance(choice.thing, Result)]
    stored = [
        store
        for store in run.stores
        if store.name == "padding_side"
        and store.order < call.order
        and tokenizers & {id(choice.thing) for choice in store.target}
    ]
    if not given and stored:
        given = stored[-1].value
    if not given:
        given = next((value for one in made if (value := one.argument("padding_side"))), ())
    if not given:
        return ("right" if made else "unknown"), call.site, False
    last = given[-1]
    side = str(constant((last,)))
    return side, last.site, True


def _not_generated(thing: Thing) -> bool:
    return not (isinstance(thing, Result) and is_generation(thing.call))
