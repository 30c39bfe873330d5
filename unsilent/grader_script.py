"""Run by ``grading`` behind the walls of ``sandbox``: what the course's grader does with a submission.

It imports the one folder by its name, lets the plain base read and complete a batch, and then, part by part, calls the
loader, counts parameters and asks all questions at once. Each phase is announced and closed by a line; how long it took
is measured by who reads them. It imports nothing of this package.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import itertools
import math
import sys
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import CodeType

SHOWN = 60  # characters of what was answered instead of a number


class Unfit(Exception):
    """What was returned is not what the grader can use."""


class Absent(Unfit):
    """The package has nothing of the name that the grader calls."""


def run(question: Mapping[str, Any], tell: Callable[[dict[str, Any]], None], watch: Any) -> None:  # noqa: ANN401
    """Import the package, then go through the phases; what one raises is told, and the next begins.

    Args:
        question: ``preload``, what a grader has imported already; ``package``, ``phases``, ``questions``, ``batch``.
        tell: Sends a line.
        watch: Knows what an error came from.
    """
    for name in question["preload"]:
        importlib.import_module(name)
    package: Any = None

    def take(phase: Mapping[str, str]) -> dict[str, Any]:
        nonlocal package
        if phase["kind"] == "import":
            package = importlib.import_module(question["package"])
            return {}
        if phase["kind"] == "batched":
            return read_batch(package, question["questions"][: question["batch"]])
        return grade_part(package, phase["loader"], question["questions"], lambda: tell({"loaded": phase["name"]}))

    for phase in [{"kind": "import", "name": "import"}, *question["phases"]]:
        watch.phase = phase["name"]
        tell({"begin": phase["name"], "kind": phase["kind"]})
        try:
            found = take(phase)
        except BaseException as error:  # noqa: BLE001 - also SystemExit, and whatever somebody's code raises
            found = {"error": watch.explain(error)} | ({"absent": True} if isinstance(error, Absent) else {})
        tell({"end": phase["name"], "kind": phase["kind"]} | found)
        gc.collect()  # the model of one part is gone before the next is loaded
        if package is None:
            return


def read_batch(package: Any, texts: Sequence[str]) -> dict[str, Any]:  # noqa: ANN401 - somebody's package
    """Feed padded texts to the plain base, and let it complete them.

    Raises:
        Unfit: No text came back for each one.
    """
    llm = find(package, "BaseLLM")()
    tokens = llm.tokenizer(list(texts), padding=True, return_tensors="pt")
    device = getattr(llm, "device", "cpu")
    torch = sys.modules.get("torch")
    with torch.no_grad() if torch else contextlib.nullcontext():
        llm.model(**{name: one.to(device) for name, one in tokens.items()})
    completed = llm.batched_generate(list(texts))
    is_fit = isinstance(completed, list) and all(isinstance(one, str) for one in completed)
    if not is_fit or len(completed) != len(texts):
        raise Unfit(f"Expected {len(texts)} texts from batched_generate, but got {shown(completed)}")
    return {}


def grade_part(package: Any, loader: str, questions: Sequence[str], loaded: Callable[[], None]) -> dict[str, Any]:  # noqa: ANN401
    """Load one part, count its parameters, ask it everything at once."""
    llm = find(package, loader)()
    loaded()
    parameters = sum(int(one.numel()) for one in llm.model.parameters())
    return {"parameters": parameters, "answers": numbers(llm.answer(*questions), len(questions))}


def find(package: Any, name: str) -> Any:  # noqa: ANN401 - whatever stands there
    """Look up what the grader calls.

    Raises:
        Absent: The package has nothing of that name.
        AttributeError: It has, and a bug in the module that is imported for it.
    """
    try:
        return getattr(package, name)
    except AttributeError as error:
        if not _is_of_lookup(error, name):
            raise
        raise Absent(f"Expected {name} in the package, but got none ({error})") from error


def _is_of_lookup(error: AttributeError, name: str) -> bool:
    """Whether the look-up of this name failed, and not a line of a module that a lazy import ran for it.

    It is raised in ``find`` itself or in a ``__getattr__`` [PEP 562], of this name, and no module's body is on its way.
    """
    codes = list(_codes(error))
    is_lookup = codes[-1] is find.__code__ or codes[-1].co_name == "__getattr__"
    link: BaseException | None = error
    while is_lookup and link is not None:
        is_lookup = all(code.co_name != "<module>" for code in _codes(link))
        link = link.__cause__ or link.__context__
    return is_lookup and error.name == name


def _codes(error: BaseException) -> Iterator[CodeType]:
    """What ran when it was raised, the deepest last."""
    return (frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__))


def numbers(given: Any, count: int) -> list[float | None]:  # noqa: ANN401 - whatever answer() returned
    """Turn answers into numbers that JSON holds, None for NaN.

    Raises:
        Unfit: Not one number for each question.
    """
    if isinstance(given, str | bytes) or not hasattr(given, "__iter__"):
        raise Unfit(f"Expected {count} numbers from answer, but got {shown(given)}")
    taken = list(itertools.islice(given, count + 1))
    if len(taken) != count:
        got = f"{len(taken)}" if len(taken) < count else f"more than {count}"
        raise Unfit(f"Expected {count} numbers from answer, but got {got}")
    found: list[float | None] = []
    for index, one in enumerate(taken):
        if isinstance(one, str | bytes) or not hasattr(one, "__float__"):
            raise Unfit(f"Expected a number from answer, but got {shown(one)} for question {index + 1}")
        found.append(None if math.isnan(number := float(one)) else number)
    return found


def shown(value: Any) -> str:  # noqa: ANN401 - anything
    """The type of a value, and the beginning of what it looks like."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - somebody's class
        text = ""
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} of {len(value)}: {text[:SHOWN]}"
    return f"a {type(value).__name__}: {text[:SHOWN]}"
