"""A subject's live models, judged in a child process: this one never imports the subject.

``judge_script`` runs behind the sandbox's walls and tells, part by part, what the checks found; here it is turned into
outcomes again, and believed no more than a stranger's text: what is no outcome of the catalogue is left out.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .outcome import Card
from .read_outcomes import read_outcomes
from .sandbox import FolderRefused, copied, run_child

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .outcome import Outcome

SCRIPT = Path(__file__).with_name("judge_script.py")
CHECKER = str(Path(__file__).parent.parent)
# A part with every probe answers 1000 rows and some hundred more: the 135M takes two minutes on two cores.
SECONDS = 1800


@dataclass(frozen=True)
class Asked:
    """One part to be judged; what is empty is not compared.

    Attributes:
        name: ``sft``.
        loader: Function of the subject.
        train: Rows that it was trained on.
        example: ``module:function`` that makes prompt and completion of such a row.
        tokenize: ``module:function`` that makes tokens of these.
        dtype: In which the base was held in training.
        logits: What the live model said at the end of training.
    """

    name: str
    loader: str
    train: Sequence[Sequence[Any]] = ()
    example: str = ""
    tokenize: str = ""
    dtype: str = ""
    logits: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Judged:
    """What was found in one part.

    Attributes:
        evaluation: Outcomes of the checks on the live model.
        honesty: Outcomes of the probe.
        cards: What the probe measured.
        answers: One to each row that was asked; None for no number.
        base: Where the base was loaded from, as far as it says.
        seconds: From its load on.
        error: Why there is nothing; empty where there is.
    """

    evaluation: tuple[Outcome, ...] = ()
    honesty: tuple[Outcome, ...] = ()
    cards: tuple[Card, ...] = ()
    answers: tuple[float | None, ...] = ()
    base: str = ""
    seconds: float = 0.0
    error: str = ""


def judge_parts(  # noqa: PLR0913 - what the child needs to know
    folder: Path,
    parts: Sequence[Asked],
    rows: Sequence[Sequence[Any]],
    *,
    first: int,
    count: int,
    questions: str = "",
    quick: bool = True,
    files: Sequence[Path] | None = None,
    beside: Mapping[str, Path] | None = None,
    seconds: float = SECONDS,
) -> dict[str, Judged]:
    """Judge parts of a subject, all in one process.

    Args:
        folder: The subject; a copy of it is run.
        parts: In this order.
        rows: Of question and answer.
        first: How many of them are judged.
        count: How many of them are answered.
        questions: ``module:function``, a source of new ones; empty for what can be made from the rows.
        quick: Only the probes that cost no more than answering once more.
        files: Relative paths of what is copied; None for everything.
        beside: By its relative path beside the folder, what else the grader has: the data sets.
        seconds: How long each part may take.

    Returns:
        Every part; nothing that the subject does makes this raise.
    """
    question = {
        "checker": CHECKER,
        "package": folder.name,
        "parts": [vars(part) for part in parts],
        "rows": [list(row) for row in rows],
        "first": first,
        "count": count,
        "questions": questions,
        "quick": quick,
    }
    try:
        with copied(folder, files, beside) as copy:
            child = run_child(SCRIPT, question, root=copy.parent, seconds=seconds, next_limit=lambda _: seconds)
            place = json.dumps(f"{copy.parent.resolve()}{os.sep}")[1:-1]
    except FolderRefused as error:
        return {part.name: Judged(error=str(error)) for part in parts}
    # the place of the copy says nothing to whoever reads it: it is gone
    told = {
        str(line.content.get("part")): read_judged(json.loads(json.dumps(line.content).replace(place, "")))
        for line in child.told
    }
    end = child.error or "the process ended without a word about it"
    return {part.name: told.get(part.name, Judged(error=end)) for part in parts}


def read_judged(content: Mapping[str, Any]) -> Judged:
    """Turn what the child told of a part back into what it was."""
    match content:
        case {"evaluation": list(evaluation), "honesty": list(honesty), "answers": list(answers), "cards": list(cards)}:
            return Judged(
                tuple(read_outcomes(evaluation)),
                tuple(read_outcomes(honesty)),
                cards=tuple(Card(one["content"], tuple(map(str, one["lines"]))) for one in cards if _is_card(one)),
                answers=tuple(one if isinstance(one, int | float) and math.isfinite(one) else None for one in answers),
                base=str(content.get("base", "")),
                seconds=_seconds(content),
            )
    return Judged(error=str(content.get("error") or "what it told cannot be read"), seconds=_seconds(content))


def _is_card(one: Any) -> bool:  # noqa: ANN401 - whatever was told
    return isinstance(one, dict) and isinstance(one.get("content"), dict) and isinstance(one.get("lines"), list)


def _seconds(content: Mapping[str, Any]) -> float:
    seconds = content.get("seconds")
    return float(seconds) if isinstance(seconds, int | float) else 0.0
