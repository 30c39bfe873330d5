"""What the gate judges, and by which bounds: ``[tool.unsilent]`` of the nearest ``pyproject.toml`` that has it.

    [tool.unsilent]
    subject = "homework"                  # the folder that is bundled
    data = "data/valid.json"              # its first 100 rows are what the grader scores
    train_data = "data/train.json"
    questions = "homework.examination:new_questions"

    [tool.unsilent.parts.rft]
    adapter = "rft_model"                 # in the subject; a part is judged where it is there, sft always

    [tool.unsilent.bounds]
    sft.accuracy = 0.5                    # as --bound sft.accuracy=0.5 on the command line, or --bound accuracy=0.5

What is not named has the course's value; without such a table paths are relative to the current folder. A name that is
not known and a value of another kind are refused: a bound that is misspelt would bind nothing.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from .bounds import MAIN, Bounds, ConfigInvalid, unknown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

FILE = "pyproject.toml"
LARGEST = 10_000_000  # bytes of it

TOP = {"subject": "homework", "data": "data/valid.json", "train_data": "data/train.json", "questions": ""}
DEFAULTS: Mapping[str, Mapping[str, str]] = {  # in the grader's order; {} stands for the subject's name
    "cot": {"loader": "load_cot", "adapter": "", "train_data": "", "example": "", "tokenize": ""},
    "sft": {
        "loader": "load_sft",
        "adapter": "sft_model",
        "train_data": TOP["train_data"],
        "example": "{}.sft:format_example",
        "tokenize": "{}.sft:tokenize",
    },
    "rft": {
        "loader": "load_rft",
        "adapter": "rft_model",
        "train_data": "data/rft.json",
        "example": "{}.rft:format_example",
        "tokenize": "{}.rft:tokenize",
    },
}


@dataclass(frozen=True)
class GatePart:
    """One of the grader's three parts.

    Attributes:
        name: ``cot``, ``sft`` or ``rft``.
        loader: Function of the subject that gives the model.
        adapter: Folder of the adapter; None for a part that has none.
        train_data: Rows it was trained on; None where nothing was.
        example: ``module:function`` that turns a row into prompt and completion.
        tokenize: ``module:function`` that turns these into the tokens of a training row.
        is_certain: Its loader is written down in the package; else only asking shows whether it is there.
    """

    name: str
    loader: str
    adapter: Path | None
    train_data: Path | None
    example: str
    tokenize: str
    is_certain: bool = True


@dataclass(frozen=True)
class GateConfig:
    """What is judged.

    Attributes:
        subject: The folder that is bundled.
        data: Rows of question and answer.
        questions: ``module:function``, a source of new questions; empty for none.
        parts: In the grader's order.
        bounds: What is asked for.
    """

    subject: Path
    data: Path
    questions: str
    parts: tuple[GatePart, ...]
    bounds: Bounds


def read_config(here: Path | None = None, bounds: Sequence[str] = ()) -> GateConfig:
    """Read the table, and what was typed beside it.

    Args:
        here: Folder from which on, upwards, the table is looked for; the current one unless told otherwise.
        bounds: As typed: ``accuracy=0.5``.

    Raises:
        ConfigInvalid: The file cannot be read, or says what it may not.
    """
    root, table = _find((here or Path.cwd()).absolute())
    where = f"{root / FILE}, tool.unsilent"
    parts, own = (_table(table, name, where) for name in ("parts", "bounds"))
    top = _texts(table, TOP, where, also=("parts", "bounds"))
    for name in parts:
        if name not in DEFAULTS:
            raise unknown(name, DEFAULTS, f"{where}.parts")
    subject = Path(os.path.normpath(root / top["subject"]))
    typed = dict(_typed(one) for one in bounds)
    return GateConfig(
        subject=subject,
        data=root / top["data"],
        questions=top["questions"],
        parts=tuple(
            _part(name, _texts(_table(parts, name, f"{where}.parts"), known, f"{where}.parts.{name}"), root, subject)
            for name, known in {**DEFAULTS, MAIN: {**DEFAULTS[MAIN], "train_data": top["train_data"]}}.items()
        ),
        bounds=Bounds().override(dict(_flat(own)), f"{where}.bounds").override(typed, "--bound"),
    )


def _find(here: Path) -> tuple[Path, dict[str, Any]]:
    """The nearest folder whose file has the table; this one, without any, where there is none."""
    for folder in (here, *here.parents):
        path = folder / FILE
        try:
            if not path.is_file():
                continue
            with path.open("rb") as file:
                content = tomllib.loads(file.read(LARGEST).decode("utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            got = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
            raise ConfigInvalid("a file of TOML", got, str(path), "repair the file") from error
        if "unsilent" in (tool := _table(content, "tool", str(path))):
            return folder, _table(tool, "unsilent", f"{path}, tool")
    return here, {}


def _table(outer: Mapping[str, Any], name: str, where: str) -> dict[str, Any]:
    value = outer.get(name, {})
    if not isinstance(value, dict):
        raise ConfigInvalid(f"a table under {name}", repr(value), where, f"write [{name}] and names below it")
    return value


def _texts(
    table: Mapping[str, Any], known: Mapping[str, str], where: str, also: Collection[str] = ()
) -> dict[str, str]:
    """Every name with its text; what is not there has its default."""
    for name, value in table.items():
        if name not in known and name not in also:
            raise unknown(name, [*known, *also], where)
        if name in known and not isinstance(value, str):
            raise ConfigInvalid(f"a text as {name}", repr(value), where, "put it in quotes")
    return {name: table.get(name, default) for name, default in known.items()}


def _part(name: str, texts: Mapping[str, str], root: Path, subject: Path) -> GatePart:
    below = PurePath(texts["adapter"])
    if below.is_absolute() or ".." in below.parts:
        where, action = f"{FILE}, tool.unsilent.parts.{name}", "name it by its path there"
        raise ConfigInvalid(f"a folder in {subject.name} as adapter", repr(texts["adapter"]), where, action)
    if name == MAIN and not texts["adapter"]:
        where, action = f"{FILE}, tool.unsilent.parts.{name}", "name it: this part is judged by its trained adapter"
        raise ConfigInvalid(f"a folder in {subject.name} as adapter", "none", where, action)
    return GatePart(
        name,
        texts["loader"],
        subject / texts["adapter"] if texts["adapter"] else None,
        root / texts["train_data"] if texts["train_data"] else None,
        texts["example"].replace("{}", subject.name),
        texts["tokenize"].replace("{}", subject.name),
    )


def _flat(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """``sft.accuracy = 0.5`` is a table in a table for TOML."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _typed(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name.strip(), float(value)
    except ValueError:
        action = "write it as --bound accuracy=0.5"
        raise ConfigInvalid("a name and a number", repr(text), "--bound", action) from None
