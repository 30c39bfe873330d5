"""The texts that are trained on and asked with, as far as code shows them.

Texts are compared by their *shape*: the words that are known, and holes where questions and numbers go. The training
text is what reaches the tokenizer on the way to a trainer; its prompt is the shorter text of which it is a
continuation, where the code tokenizes one to mask it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .alike_values import leaves
from .model_calls import is_generation, tokenizes, trainings
from .symbols import (
    Const,
    Many,
    Op,
    Result,
    Site,
    Table,
    Text,
    Unknown,
    calls_in,
    constant,
    walk,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .entry_points import Asked, Run
    from .symbols import Call, Choice, Thing, Value

HOLE = "\0"
CHAT = "\1"
Shaped = tuple[str, "Choice"]


@dataclass(frozen=True)
class Trained:
    """What one function tokenizes for training: the prompt, where it is told apart, and the whole text."""

    prompt: str | None
    whole: str


def spoken(shape: str) -> str:
    """A shape as people read it."""
    return repr(shape.replace(HOLE, "{...}").replace(CHAT, "{chat template}"))


def trained_texts(run: Run) -> list[Trained]:
    """The texts that are tokenized in a run that trains, those that are asked aside."""
    if not trainings(run):
        return []
    asked = {
        id(inner)
        for call in run.calls
        if is_generation(call)
        for value in (*call.args, *call.kwargs.values())
        for inner in calls_in(value)
    }
    groups: dict[object, dict[Site, list[str]]] = {}
    for call in run.calls:
        if tokenizes(call) and id(call) not in asked and not _answers(call):
            where = call.stack[-1].node if call.stack else None
            for shape, _ in shapes(call.argument("text", 0)):
                groups.setdefault(where, {}).setdefault(call.site, []).append(shape)
    found = [text for group in groups.values() for text in _told_apart(list(group.values()))]
    return found or [text for act in trainings(run) for made in act.made_by for text in _texts_of_rows(made)]


def _texts_of_rows(trainer: Call) -> Iterator[Trained]:
    """What TRL's trainers tokenize themselves: rows with a prompt and a completion, or messages."""
    for choice in walk(trainer.argument("train_dataset")) if trainer.last == "SFTTrainer" else ():
        columns = choice.thing.items if isinstance(choice.thing, Table) else {}
        for asked in _texts_of(columns.get("prompt", ())):
            if asked != HOLE:  # it may be the whole prompt as well as the question
                yield from (
                    Trained(asked, asked + said.removeprefix(CHAT)) for said in _texts_of(columns.get("completion", ()))
                )
        for talk in _texts_of(columns.get("messages", ())):
            yield Trained("|".join([*talk.split("|")[:-2], ""]), talk)  # without the last message, which is learnt


def _texts_of(column: Value) -> Iterator[str]:
    """The shapes of a column: of one row, or of a list of all; messages as their chat template writes them."""
    for choice in column:
        if messages := _messages((choice,)):
            yield CHAT + messages
        elif isinstance(choice.thing, Many):
            yield from (text for item in choice.thing.items for text in _texts_of(item))
        else:
            yield shape_of(choice.thing)


def _told_apart(calls: list[list[str]]) -> list[Trained]:
    """Prompt and whole text, out of what one function tokenizes, call by call."""
    every = {shape for shapes_of_one in calls for shape in shapes_of_one}
    found = [
        Trained(shape, whole)
        for shape in every
        for whole in every
        if whole.startswith(shape) and HOLE in whole[len(shape) :]  # the answer
    ]
    found = found or [
        Trained(whole[:place], whole)
        for reply in every
        for whole in every
        if reply != HOLE
        and HOLE in reply
        and (place := whole.rfind(reply)) > 0
        and HOLE in whole[:place]  # it ends with the reply
    ]
    if found:
        return found
    if len(calls) == 1:
        return [Trained(None, shape) for shape in calls[0]]
    return [Trained(prompt, prompt + reply) for prompt in calls[0] for reply in calls[1]]


def _answers(call: Call) -> bool:
    return any(
        function.name in {"answer", "generate", "batched_generate", "benchmark", "test_model"}
        for function in call.stack
    )


def asked_texts(run: Run, asked: Asked) -> list[list[Shaped]]:
    """The prompts that are tokenized on the way to an answer: for each call what its text may be."""
    following = [other.order for other in run.asked if other.order > asked.order]
    end = min(following, default=asked.order + 10**9)
    return [
        shapes(call.argument("text", 0))
        for call in run.calls
        if asked.order < call.order <= end
        and tokenizes(call)
        and "answer" in {function.name for function in call.stack}
    ]


def shapes(value: Value) -> list[Shaped]:
    """The shapes of every text that a value may be."""
    found = []
    for choice in leaves(value):
        if isinstance(choice.thing, Unknown) and choice.thing.name == "recursion":
            continue
        found.append((shape_of(choice.thing), choice))
    return found


def shape_of(thing: Thing) -> str:
    """The known words of a text, with holes."""
    if isinstance(thing, Const) and isinstance(thing.value, str):
        return thing.value
    if isinstance(thing, Text):
        text = "".join(part if isinstance(part, str) else _hole(part) for part in thing.parts)
        while HOLE * 2 in text:
            text = text.replace(HOLE * 2, HOLE)
        return text
    if isinstance(thing, Result) and thing.call.last == "apply_chat_template":
        return CHAT + _messages(thing.call.argument("conversation", 0))
    if isinstance(thing, Result) and thing.call.last in {"strip", "lstrip", "rstrip", "lower"} and thing.call.receiver:
        return shape_of(thing.call.receiver[0].thing)
    if isinstance(thing, Op) and thing.name == "+":
        return "".join(shape_of(operand[0].thing) for operand in thing.operands if operand)
    return HOLE


def _messages(value: Value) -> str:
    """The messages of a chat, as far as they are known."""
    found = ""
    for item in value[0].thing.items if value and isinstance(value[0].thing, Many) else ():
        message = item[0].thing if item else None
        if isinstance(message, Table):
            role, content = message.items.get("role", ()), message.items.get("content", ())
            found += f"{constant(role)}:{_hole(content)}|"
    return found


def _hole(value: Value) -> str:
    """What stands in a hole: text again where one way of making it is known, else a hole."""
    inner = {shape_of(choice.thing) for choice in value}
    return inner.pop() if len(inner) == 1 else HOLE
