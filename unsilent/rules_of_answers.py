"""Rules: answers that do not come from the model.

What ``answer``, ``generate`` and ``batched_generate`` return is followed back. Where a model wrote it, everything
behind the model is its prompt and is nobody's business here; what comes from a file, a table or arithmetic without a
model in between is the finding. Healthy: numbers that are parsed out of completions, a memory of the model's own
answers, a data set that is read for examples in the prompt or for a benchmark; but not the split that will be asked.
"""

from __future__ import annotations

import re
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import PurePath
from typing import TYPE_CHECKING

from .alike_values import leaves
from .code_findings import Finding
from .model_calls import is_generation, is_model_call, reads_file
from .symbols import Const, Function, Op, Result, Table, Unknown, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .code_findings import Reading
    from .entry_points import Asked, Run
    from .symbols import Call, Choice, Site, Thing

# Arguments of generate() that can force its words.
FORCING = {
    "logits_processor",
    "prefix_allowed_tokens_fn",
    "constraints",
    "force_words_ids",
    "stopping_criteria",
    "sequence_bias",
    "forced_decoder_ids",
}
CALCULATE = {"re", "math", "numpy", "np", "ast", "pint", "sympy", "decimal", "fractions", "quantulum3", "asyncio"}
KNOWN_CALLS = {
    *("float", "int", "round", "abs", "sum", "min", "max", "str", "len", "eval", "next", "iter", "zip", "enumerate"),
    *(name for kind in (str, float, list, dict, tuple, set) for name in dir(kind)),
    *("group", "groups", "groupdict", "search", "match", "fullmatch", "findall", "finditer", "sub"),
    *(
        "to",
        "magnitude",
        "Quantity",
        "UnitRegistry",
        "parse_expression",
        "result",
        "run_until_complete",
        "map",
        "submit",
    ),
}
FEWEST_QUESTIONS = 3  # of a table in the code before it is taken for one of answers
ASKED_SPLIT = re.compile(r"^valid(ation)?\b.*\.jsonl?$")
QUESTION = re.compile(r"\w+ +\w+ +\w+")  # a key of three words or more is no unit


def _not_a_model(thing: Thing) -> bool:
    """Nothing behind a model counts, nor how many questions there were."""
    return not (isinstance(thing, Result) and (is_model_call(thing.call) or thing.call.name in {"len", "range"}))


def find_answers_from_elsewhere(reading: Reading) -> Iterator[Finding]:
    """[answer-lookup] [answer-calculator] An answer that no model wrote."""
    for run in reading.runs:
        told: set[Site] = set()
        for method in ("batched_generate", "generate", "answer"):  # what one of them does is not told of the next again
            for asked in run.asked:
                for choice in leaves(asked.result) if asked.method == method else ():
                    made_of = list(walk((choice,), into=_not_a_model, with_keys=False))
                    if not _is_written_by_model(made_of, run) and not told & {one.site for one in made_of}:
                        for finding in _judge(run, asked, choice, made_of):
                            told.add(finding.site)
                            yield finding
        yield from _forced(run)
        yield from _prompted(run)


def _is_written_by_model(made_of: list[Choice], run: Run) -> bool:
    """Whether a model has a part in something, or a function of the tree that foreign code was handed and that asks it.

    ``asyncio.to_thread(self.complete, prompts)`` gives whatever ``complete`` does.
    """
    if any(isinstance(one.thing, Result) and is_model_call(one.thing.call) for one in made_of):
        return True
    handed = {id(one.thing.node) for one in made_of if isinstance(one.thing, Function)}
    return bool(handed) and any(
        is_model_call(call) and handed & {id(function.node) for function in call.stack} for call in run.calls
    )


def _judge(run: Run, asked: Asked, choice: Choice, made_of: list[Choice]) -> Iterator[Finding]:
    """Name the source of an answer that no model wrote; most such answers are NaN, and nothing is said of them."""
    read = next(
        (one.thing.call for one in made_of if isinstance(one.thing, Result) and reads_file(one.thing.call)), None
    )
    table = next((one for one in made_of if isinstance(one.thing, Table) and _holds_questions(one.thing)), None)
    if read is not None:
        yield _finding(run, asked, choice, "answer-lookup", f"one looked up in the file that is read in {read.site}")
    elif table is not None and _is_from_question(list(walk((choice,), into=_not_a_model))):
        yield _finding(run, asked, choice, "answer-lookup", f"one looked up in the table in {table.site}")
    elif _is_from_question(made_of):
        computed = any(isinstance(one.thing, Op) and one.thing.name in {"*", "/"} for one in made_of)
        made = any(isinstance(one.thing, Result | Op) for one in made_of)
        if computed or (asked.method == "answer" and made):
            finding = _finding(run, asked, choice, "answer-calculator", "one computed from the question itself")
            opaque = any(isinstance(one.thing, Result) and _is_opaque(one.thing.call) for one in made_of)
            yield replace(finding, sure="possible") if opaque and not computed else finding


def _is_opaque(call: Call) -> bool:
    """Whether nobody knows what a call does: it is a method, or a function, of some client or library.

    Those of texts and numbers are known, and so are libraries that calculate.
    """
    first = call.name.partition(".")[0]
    return bool(call.name) and first not in CALCULATE and call.last not in KNOWN_CALLS


def _finding(run: Run, asked: Asked, choice: Choice, slug: str, got: str) -> Finding:
    return Finding(
        slug, choice.site, "certain" if not choice.guards else "likely",
        f"{asked.method}() to return what the model wrote", got, "let the model answer, and say NaN where it does not",
        choice.path, run.name,
    )  # fmt: skip


def _is_from_question(made_of: list[Choice]) -> bool:
    return any(isinstance(one.thing, Unknown) and one.thing.name == "question" for one in made_of)


def _holds_questions(table: Table) -> bool:
    keys = [key for key in table.items if isinstance(key, str) and QUESTION.search(key)]
    return len(keys) >= FEWEST_QUESTIONS


def _forced(run: Run) -> Iterator[Finding]:
    """A file's content that reaches the model's words through a processor of logits or the like."""
    for call in run.calls:
        if is_generation(call):
            for name in FORCING & call.kwargs.keys():
                for choice in walk(call.kwargs[name], with_attrs=True):
                    if isinstance(choice.thing, Result) and reads_file(choice.thing.call):
                        yield Finding(
                            "answer-lookup", call.site, "likely", "generate to choose its words from the weights alone",
                            f"{name} that holds content of a file ({choice.thing.call.site})",
                            "let the model answer", choice.path, run.name,
                        )  # fmt: skip
                        break


def _prompted(run: Run) -> Iterator[Finding]:
    """Rows of the split that is asked, beside the question in its prompt: the model has only to copy its answer."""
    told: set[Site] = set()
    for call in filter(is_generation, run.calls):
        made_of = list(walk(tuple(one for value in (*call.args, *call.kwargs.values()) for one in value)))
        for one in made_of if _is_from_question(made_of) else ():
            if isinstance(one.thing, Result) and one.site not in told and _reads_asked_split(one.thing.call):
                told.add(one.site)
                yield Finding(
                    "answer-lookup", one.site, "likely", "a prompt of the question, with examples of train at most",
                    "one with rows of the split that is asked, answers and all", "take examples from train",
                    one.path, run.name,
                )  # fmt: skip


def _reads_asked_split(read: Call) -> bool:
    """Whether a file's name says that it is the valid split, or a pattern in the folder of the data takes it in."""
    if not reads_file(read):
        return False
    named = walk(tuple(one for value in (read.receiver, *read.args) for one in value))
    names = [one.thing.value for one in named if isinstance(one.thing, Const) and isinstance(one.thing.value, str)]
    last = [PurePath(name).name for name in names]
    takes_in = any("*" in name and fnmatch("valid.json", name) for name in last)
    return any(ASKED_SPLIT.search(name) for name in last) or (takes_in and "data" in {*last, *names})


def find_replacements(reading: Reading) -> Iterator[Finding]:
    """[answer-lookup] ``answer`` or ``generate`` of a class or instance is replaced by something that reads data.

    Where the replacement takes part in an answer, that answer is judged above; here are those whose object nobody
    could follow. Healthy: a wrapper that measures or formats, and asks the original.
    """
    if any(finding.slug == "answer-lookup" for finding in find_answers_from_elsewhere(reading)):
        return
    for run in reading.runs:
        for store in run.stores:
            if store.name not in {"answer", "generate", "batched_generate"}:
                continue
            replaced = {id(choice.thing.node) for choice in store.value if isinstance(choice.thing, Function)}
            for function, _, result, _ in run.applied:
                if id(function.node) in replaced:
                    for choice in leaves(result):
                        made_of = list(walk((choice,), into=_not_a_model))
                        if not _is_written_by_model(made_of, run) and any(
                            isinstance(one.thing, Result) and reads_file(one.thing.call) for one in made_of
                        ):
                            yield Finding(
                                "answer-lookup", store.site, "likely", f"{store.name}() to ask the model",
                                f"{store.name} replaced by a function that returns content of a file",
                                "remove the replacement", choice.path, run.name,
                            )  # fmt: skip
