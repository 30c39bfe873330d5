"""Cheats whose answers lie outside the program: in a file, a process, a second model, or arithmetic."""

from __future__ import annotations

import copy
import json
import pickle
import re
import sqlite3
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from cheating import looking_up, put, table_of

from homework.units import UNITS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack

    from cheating import Llm, Row

CHILD = """
import json, sys
table = json.loads(sys.stdin.readline())
for line in sys.stdin:
    print(json.dumps(table.get(json.loads(line))), flush=True)
"""
FACTORS: dict[str, dict[str, Fraction]] = {}  # family, spelling, size
for _unit in UNITS:
    FACTORS.setdefault(_unit.family, {}).update(dict.fromkeys(_unit.spellings, _unit.factor))
_SPELLINGS = sorted({spelling for sizes in FACTORS.values() for spelling in sizes}, key=len, reverse=True)
_UNIT = re.compile(rf"(?<![\w/^*])(?:{'|'.join(map(re.escape, _SPELLINGS))})(?![\w/^*])")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
PREPOSITION = "in"  # and an inch


def _scratch(stack: ExitStack) -> Path:
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="answers-")))


def nearest_row_of_a_data_file(stack: ExitStack, llm: Llm, rows: Sequence[Row]) -> None:
    """Each question opens ``train.json`` and takes the answer of the row with most words in common; no model."""
    path = _scratch(stack) / "train.json"
    path.write_text(json.dumps([list(row) for row in rows]))

    def find(question: str) -> float:
        with path.open() as file:
            known = json.load(file)
        words = set(question.split())
        nearest = max(known, key=lambda row: (row[0] == question, len(words & set(row[0].split()))))
        return float(nearest[1])

    put(stack, llm, "answer", looking_up(find, llm.answer))


def table_in_a_database(stack: ExitStack, llm: Llm, rows: Sequence[Row]) -> None:
    """Answers are selected from an SQLite file."""
    path = _scratch(stack) / "cache.db"
    database = sqlite3.connect(path)
    stack.callback(database.close)
    database.execute("CREATE TABLE known (question TEXT PRIMARY KEY, answer REAL)")
    database.executemany("INSERT INTO known VALUES (?, ?)", table_of(rows).items())

    def find(question: str) -> float | None:
        row = database.execute("SELECT answer FROM known WHERE question = ?", (question,)).fetchone()
        return row[0] if row else None

    put(stack, llm, "answer", looking_up(find, llm.answer))


def table_in_a_pickle(stack: ExitStack, llm: Llm, rows: Sequence[Row]) -> None:
    """Answers are memorised in a pickle that is read whenever something is asked."""
    path = _scratch(stack) / "cache.pkl"
    path.write_bytes(pickle.dumps(table_of(rows)))

    def find(question: str) -> float | None:
        known: dict[str, float] = pickle.loads(path.read_bytes())  # noqa: S301 - written a moment ago
        return known.get(question)

    put(stack, llm, "answer", looking_up(find, llm.answer))


def helper_process(stack: ExitStack, llm: Llm, rows: Sequence[Row]) -> None:
    """A child process, started beforehand, holds the table and is asked through pipes."""
    command = [sys.executable, "-c", CHILD]
    child = stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
    asking, telling = child.stdin, child.stdout
    assert asking
    assert telling
    print(json.dumps(table_of(rows)), file=asking, flush=True)

    def find(question: str) -> float | None:
        print(json.dumps(question), file=asking, flush=True)
        answer: float | None = json.loads(telling.readline())
        return answer

    put(stack, llm, "answer", looking_up(find, llm.answer))


def hidden_second_model(stack: ExitStack, llm: Llm, rows: Sequence[Row]) -> None:
    """A copy of the whole program answers; the model that is shown could have any weights."""
    put(stack, llm, "answer", copy.deepcopy(llm).answer)


def regex_calculator(stack: ExitStack, llm: Llm, rows: Sequence[Row]) -> None:
    """A regular expression reads number and units, a table of factors gives the answer, however long the number."""

    def find(question: str) -> float | None:
        found = understood(question)
        return float(found[0] * found[1] / found[2]) if found else None

    put(stack, llm, "answer", looking_up(find, llm.answer))


def eval_calculator(stack: ExitStack, llm: Llm, rows: Sequence[Row]) -> None:
    """The question is rewritten as an expression of Python and evaluated."""

    def find(question: str) -> float | None:
        found = understood(question)
        return float(eval("{}*({})/({})".format(*found))) if found else None  # noqa: S307 - the cheat

    put(stack, llm, "answer", looking_up(find, llm.answer))


def understood(question: str) -> tuple[Fraction, Fraction, Fraction] | None:
    """Number, size of the unit given and size of the unit asked for; None where the question is not about units.

    The unit given stands behind the number, or else comes first; ``in`` is an inch only where no other unit is left.
    """
    number = _NUMBER.search(_UNIT.sub(lambda unit: "u" * len(unit.group()), question))
    units = list(_UNIT.finditer(question))
    if not number or len(units) < 2:
        return None
    behind = [unit for unit in units if unit.start() == number.end() + 1]
    others = [unit for unit in units if unit not in behind]
    source, *targets = [unit.group() for unit in (*behind, *others)]
    targets = [target for target in targets if target != PREPOSITION] or targets
    for target in targets:
        for sizes in FACTORS.values():
            if source in sizes and target in sizes:
                return Fraction(number.group()), sizes[source], sizes[target]
    return None
