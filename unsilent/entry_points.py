"""Where a submission is entered, and what is met from each entrance.

A grader calls ``load_sft()``, ``load_rft()``, ``load_cot()`` and then ``answer``, ``generate`` and ``batched_generate``
of what it gets; people call ``train_model`` and ``test_model``, or run a module. Each of these is read on its own, with
every module imported anew, as a process would. What no entrance leads to is dead and is not judged. Neither is what a
script on the side does, one that times or plots: it counts where it trains and saves a model, or packs the submission.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .model_calls import packs, saves, trainings
from .reading_room import TooMuch
from .symbolic_notes import Call, Guard, Recursion, Site, Store, Value
from .symbolic_statements import Reader
from .symbolic_things import Class, Function, Many, Object, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .sources import Source, SourceTree
    from .symbolic_things import Thing


# The course's interface, with the freedom people take: train, train_model, train_sft...
LOADERS = re.compile(r"load(_(sft|rft|cot))?")
TRAINERS = re.compile(r"(train|finetune|fine_tune)(_(model|sft|rft))?")
TESTERS = re.compile(r"test_model|evaluate|generate_dataset|benchmark|bundle|submit|make_bundle")
# Modules of the course, which are run by name even where nothing imports them.
KNOWN_MODULES = {"base_llm", "cot", "data", "datagen", "sft", "rft", "bundle", "submit", "conversion_utils", "train"}
# What people call the copy that they keep beside the one that runs.
SET_ASIDE = re.compile(
    r"(^|[_.])(old|backup|bak|legacy|deprecated|unused|copy|draft|scratch|attic|archive|tmp)\d*([_.]|$)"
)
ASKED = ("answer", "generate", "batched_generate")
READ_WITH_TEXT = ("parse_answer", "format_prompt")


@dataclass(eq=False)
class Run:
    """What was met from one entrance.

    Attributes:
        name: The entrance, as ``sft.load``.
        calls: Foreign calls, in order.
        stores: Attributes and elements that were assigned, in order.
        tests: Conditions that could not be decided.
        recursions: Calls that came back to a running function.
        applied: Functions of the tree with arguments and results.
        result: What the entrance returned.
        asked: For each object that answers, what its methods gave: of ``answer``, ``parse_answer``...
        unfinished: Why it was not read to its end; empty where it was.
        kept: What rules found out about the run and ask again.
    """

    name: str
    calls: list[Call] = field(default_factory=list)
    stores: list[Store] = field(default_factory=list)
    tests: list[Guard] = field(default_factory=list)
    recursions: list[Recursion] = field(default_factory=list)
    applied: list[tuple[Function, dict[str, Value], Value, Site]] = field(default_factory=list)
    result: Value = ()
    asked: list[Asked] = field(default_factory=list)
    unfinished: str = ""
    kept: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Asked:
    """One method of an object that answers: what it was called with and gave."""

    method: str
    of: Thing
    given: Value
    result: Value
    site: Site
    order: int


def read_runs(tree: SourceTree) -> list[Run]:
    """Read a tree from every entrance."""
    live = live_modules(tree)
    inner = _inner_modules(tree)
    entrances = _entrances(tree, sorted(live, key=lambda one: (one.name not in inner, one.is_package)))
    is_whole = any(source.name in inner and LOADERS.fullmatch(name) for source, name in entrances)
    runs = [
        (source, _read(tree, f"python -m {source.name or tree.folder.name}", _script(source)))
        for source in live
        if _is_script(source)
    ]
    runs += [
        (source, _read(tree, f"{source.name}.{name}".lstrip("."), _named(source, name))) for source, name in entrances
    ]
    return [run for source, run in runs if not is_whole or source.name in inner or _delivers(run)]


def _inner_modules(tree: SourceTree) -> set[str]:
    """What the modules of the course consist of; where a loader is among it, all else stands at their side."""
    mine = [source for source in tree.sources.values() if not source.is_test and not SET_ASIDE.search(source.name)]
    return _reached([source for source in mine if _is_known(source)], tree)


def _delivers(run: Run) -> bool:
    """Whether a run leaves something behind that is handed in: a trained model, or a bundle."""
    return bool(trainings(run) and any(map(saves, run.calls))) or any(map(packs, run.calls))


def _entrances(tree: SourceTree, live: list[Source]) -> list[tuple[Source, str]]:
    """The functions that somebody calls by name, each once: where they stand, or where they get that name."""
    reader = Reader(tree)
    found: dict[object, tuple[Source, str]] = {}
    for source in live:
        try:
            names = reader.import_module(source).names
        except Exception:  # noqa: BLE001, S112 - said of the runs
            continue
        for name, value in names.items():
            for thing in (choice.thing for choice in value if _is_entrance(name)):
                if isinstance(thing, Function | Class):
                    bound = tuple(id(one_value[0].thing) for one_value in getattr(thing, "bound", ()) if one_value)
                    found.setdefault((thing.node, bound), (source, name))
    return list(found.values())


def _is_entrance(name: str) -> bool:
    return name == "BaseLLM" or any(pattern.fullmatch(name) for pattern in (LOADERS, TRAINERS, TESTERS))


def live_modules(tree: SourceTree) -> list[Source]:
    """The modules that somebody runs or imports: test code and what was set aside is not among them."""
    mine = [source for source in tree.sources.values() if not source.is_test]
    begins = [
        source for source in mine if not SET_ASIDE.search(source.name) and (_is_known(source) or _is_script(source))
    ]
    if not begins:
        begins = [source for source in mine if not SET_ASIDE.search(source.name)]
    reached = _reached(begins, tree)
    return [source for source in tree.sources.values() if source.name in reached]


def _reached(begins: list[Source], tree: SourceTree) -> set[str]:
    """The names of modules, and of all that they import."""
    reached = {source.name for source in begins}
    left = list(begins)
    while left:
        for name in _imported_by(left.pop(), tree):
            if name not in reached and name in tree.sources:
                reached.add(name)
                left.append(tree.sources[name])
    return reached


def _is_known(source: Source) -> bool:
    """Whether it is a module of the course, or a package."""
    return source.is_package or source.name.rpartition(".")[2] in {*KNOWN_MODULES, "__main__"}


def _imported_by(source: Source, tree: SourceTree) -> Iterator[str]:
    reader = Reader(tree)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from (found.name for alias in node.names if (found := tree.find(alias.name)))
        elif isinstance(node, ast.ImportFrom):
            meant = reader.meant(node, source)
            if meant is not None:
                yield meant.name
                yield from (f"{meant.name}.{alias.name}".lstrip(".") for alias in node.names)


def _is_script(source: Source) -> bool:
    """Whether a module does something when it is run: it has a main part, or calls at its top."""
    if source.name.rpartition(".")[2] == "__main__":
        return True
    return any(isinstance(node, ast.If) and "__name__" in ast.unparse(node.test) for node in source.tree.body) or any(
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) for node in source.tree.body
    )


def _script(source: Source) -> Callable[[Reader], Value]:
    def start(reader: Reader) -> Value:
        reader.import_module(source, "__main__")
        for command in list(reader.commands):
            reader.read_with_unknowns(command, Site(source.file, command.node.lineno))
        return ()

    return start


def _named(source: Source, name: str) -> Callable[[Reader], Value]:
    def start(reader: Reader) -> Value:
        site = Site(source.file, 0)
        frame = reader.import_module(source)
        return reader.call(frame.names.get(name, ()), (), {}, site)

    return start


def _read(tree: SourceTree, name: str, start: Callable[[Reader], Value]) -> Run:
    """Read from one entrance, then ask whatever object with ``answer`` came out of it."""
    reader = Reader(tree)
    run = Run(name, reader.calls, reader.stores, reader.tests, reader.recursions, reader.applied)
    try:
        run.result = start(reader)
        for store in list(reader.stores):
            if store.name in ASKED:
                for function in (choice.thing for choice in store.value if isinstance(choice.thing, Function)):
                    reader.read_with_unknowns(function, store.site)
        for choice in run.result:
            if isinstance(choice.thing, Object) or _answers(choice.thing):
                _ask(reader, run, choice.thing, choice.site)
    except TooMuch:
        run.unfinished = "more steps than any submission needs"
    except Exception as error:  # noqa: BLE001 - whatever the code holds, the other entrances are read
        run.unfinished = f"the reader could not follow it ({type(error).__name__})"
    return run


def _answers(thing: Thing) -> bool:
    """Whether it is a namespace that was given a function for ``answer`` or the like."""
    return isinstance(thing, Unknown) and any(method in thing.attrs for method in ASKED)


def _ask(reader: Reader, run: Run, thing: Thing, site: Site) -> None:
    """Call what the course's interface has, with a question nobody knows."""
    kind = thing.kind if isinstance(thing, Object) else None
    question = reader.make(Unknown("question"), site)
    sampled = {"num_return_sequences": reader.make(Unknown("num_return_sequences"), site)}
    for method in (*ASKED, *READ_WITH_TEXT):
        if method not in thing.attrs and (kind is None or kind.member(method) is None):
            continue
        given = reader.make(Many([question]), site) if method == "batched_generate" else question
        order = reader.order
        result = reader.call(reader.attribute(reader.make(thing, site), method, site), (given,), {}, site)
        run.asked.append(Asked(method, thing, given, result, site, order))
    if kind is not None and kind.member("batched_generate") is not None:
        batch = reader.make(Many([question]), site)
        reader.call(reader.attribute(reader.make(thing, site), "batched_generate", site), (batch,), sampled, site)
