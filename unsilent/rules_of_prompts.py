"""Rules: what the model is asked with is what it was trained on, formatted once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .code_findings import Finding, concerns, part_of
from .model_calls import trainings
from .prompt_shapes import CHAT, HOLE, Trained, asked_texts, spoken, trained_texts
from .symbols import (
    Result,
    Site,
    Text,
    Unknown,
    calls_in,
    constant,
    walk,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .code_findings import Reading
    from .entry_points import Run
    from .prompt_shapes import Shaped
    from .symbols import Call, Choice

TAG = "<answer"
MOST_PROMPTS = 2  # of training that a message quotes


def find_other_prompts(reading: Reading) -> Iterator[Finding]:
    """[prompt-mismatch] [no-numeric-answers] The prompt that asks is not the one that was trained.

    Healthy: a prompt that is the beginning of the training text, where what follows it was learnt; spaces at the ends
    of holes. Rows of reasoning begin with no tag, so a prompt of RFT that ends with one is not their beginning.
    """
    for part in ("sft", "rft"):
        trained = {text for run in reading.runs if concerns(run, part) for text in trained_texts(run)}
        if not trained:
            continue
        for run in reading.runs:
            if part_of(run) == part and not trainings(run) and not run.name.endswith("BaseLLM"):  # which has no adapter
                for asked in run.asked:
                    if asked.method == "answer":
                        for texts in asked_texts(run, asked):
                            yield from _others(run, texts, trained, TAG if part == "rft" else None)


def _others(run: Run, asked: list[Shaped], trained: set[Trained], never: str | None) -> Iterator[Finding]:
    """What one prompt may be that was not trained; ``never`` stands at the beginning of no row.

    Where it may also be one that was, nobody knows if it ever is the other; of a text in which nothing is known but
    that it holds something, only the bare question itself is certainly without the words of training.
    """
    fitting = [any(_fits(shape, text, never) for text in trained) for shape, _ in asked]
    for (shape, choice), fits in zip(asked, fitting, strict=True):
        if shape and not fits:
            yield _other(
                run, shape, choice, trained, known=not any(fitting) and (shape != HOLE or _is_question(choice))
            )


def _is_question(choice: Choice) -> bool:
    thing = choice.thing
    if isinstance(thing, Unknown):
        return thing.name == "question"
    if isinstance(thing, Text):
        return all(isinstance(part, str) or any(map(_is_question, part)) for part in thing.parts)
    return isinstance(thing, Result) and any(map(_is_question, thing.call.receiver))


def _fits(shape: str, text: Trained, never: str | None) -> bool:
    """Whether a prompt is the trained one, or goes on as the learnt text did; some chats nobody knows."""
    if shape == text.prompt or (shape == CHAT and text.whole.startswith(CHAT)):
        return True
    if text.prompt is not None and not shape.startswith(text.prompt):
        return False
    return _begins(text.whole, shape, never)


def _begins(whole: str, shape: str, never: str | None) -> bool:
    """Whether a text may begin with a prompt; the first hole is the question, any other holds whatever it may hold."""
    if whole == HOLE:
        return True
    for place, letter in enumerate(shape):
        if place >= len(whole):
            return False
        if whole[place] == HOLE and HOLE in whole[:place]:
            return never is None or not shape[place:].lstrip().startswith(never)
        if whole[place] != letter:
            return False
    return True


def _other(run: Run, shape: str, choice: Choice, trained: set[Trained], *, known: bool) -> Finding:
    prompts = sorted({text.prompt or text.whole for text in trained})
    tagged = [prompt for prompt in prompts if prompt.startswith(shape) and TAG in prompt[len(shape) :]]
    loose = any(prompt.strip() == shape.strip() for prompt in prompts)
    return Finding(
        "no-numeric-answers" if tagged else "prompt-mismatch",
        _formatted_at(run, choice), "possible" if (loose and not tagged) or not known else "likely",
        f"the prompt of training, {' or '.join(map(spoken, (tagged or prompts)[:MOST_PROMPTS]))}", spoken(shape),
        "build both with one function", choice.path, run.name,
    )  # fmt: skip


def _formatted_at(run: Run, choice: Choice) -> Site:
    """The line in which ``format_prompt`` gave the prompt, where it did and nothing was put around it."""
    formatted = [result for function, _, result, _ in run.applied if function.name == "format_prompt"]
    if not any(one.thing is choice.thing for result in formatted for one in result):
        return choice.site
    steps = [found for step in choice.path if (found := re.match(r"returned by format_prompt \((.+):(\d+)\)", step))]
    return Site(steps[-1][1], int(steps[-1][2])) if steps else choice.site


def find_doubled_format(reading: Reading) -> Iterator[Finding]:
    """[prompt-mismatch] A prompt that was formatted is formatted again."""
    for run in reading.runs:
        for function, given, _, site in run.applied:
            if function.name == "format_prompt":
                for value in given.values():
                    if value and all(map(_is_formatted, value)):
                        yield _doubled(site, run)
        for call in run.calls:
            if call.last == "apply_chat_template" and any(
                inner.last == "apply_chat_template" and not _is_told(inner, call) and _writes_text(inner)
                for inner in calls_in(call.argument("conversation", 0))
            ):
                yield _doubled(call.site, run)


def _is_told(inner: Call, outer: Call) -> bool:
    """Whether it is ``format_prompt`` that was called twice: that is told where it is called."""
    return inner.site == outer.site and any(function.name == "format_prompt" for function in outer.stack)


def _is_formatted(choice: Choice) -> bool:
    """A formatted prompt, or a text around one; what a model wrote after one is none."""
    return any(map(_was_formatted, walk((choice,), into=lambda thing: isinstance(thing, Text))))


def _was_formatted(choice: Choice) -> bool:
    return any(step.startswith("returned by format_prompt") for step in choice.path)


def _writes_text(call: Call) -> bool:
    return constant(call.argument("tokenize")) is False


def _doubled(site: Site, run: Run) -> Finding:
    return Finding(
        "prompt-mismatch", site, "certain", "a prompt that is formatted once", "one that is formatted again",
        "format in one place", (), run.name,
    )  # fmt: skip
