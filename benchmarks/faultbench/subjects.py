"""What a tool can be shown: a live run, its log, an adapter on disk, a program that answers, rows, code, a package.

One class for each kind. A case builds one, a tool says for each kind how it is applied or why it is not; nothing here
judges. ``runs.py`` has the live run, the one that goes on, and the one of two processes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


UNSURE = "could not judge: "  # how the text of an alarm begins that is no verdict


@dataclass(frozen=True)
class Said:
    """One alarm: the optimizer step that was being prepared or had just been taken (0: there is none), the words."""

    step: int
    text: str


@dataclass
class Log:
    """What a training run wrote: ``trainer_state.json`` and what was printed, ``console.txt``."""

    folder: Path


@dataclass
class Adapter:
    """A folder on disk, or a zip, that should hold a trained adapter, and the base model it was trained on.

    Attributes:
        path: What a person would name.
        base: A folder with configuration, weights and tokenizer of the base.
    """

    path: Path
    base: Path


@dataclass
class Program:
    """A model that answers questions, in memory, with what its author knows of it.

    Attributes:
        llm: Has ``answer``, ``format_prompt``, ``batched_generate``, ``parse_answer``, ``model`` and ``tokenizer``.
        rows: Questions with their right answers.
        training: Rows as training saw them.
        dtype: The one that training held the base in.
        logits: Of the live model, recorded before it was saved.
        live: The model that was trained, still in memory.
        bounds: Least accuracy and answer rate that were asked for.
        fresh: A source of new questions.
    """

    llm: Any
    rows: Sequence[Any]
    training: Any = None
    dtype: str = ""
    logits: Mapping[str, Any] | None = None
    live: Any = None
    bounds: tuple[float, float] | None = None
    fresh: Any = None


@dataclass
class Rows:
    """Data files: rows to train on, those to validate on, and for sampled reasoning what can draw it again."""

    train: Path
    valid: Path | None = None
    sampler: Callable[[Any], Any] | None = None


@dataclass
class Function:
    """Somebody's function: it finds or loads adapters, loads a base in a dtype, or scores answers.

    Attributes:
        use: ``finder``, ``loader``, ``dtype`` or ``scorer``.
        call: The function.
        example: What a scorer is tried with: right answers, answers of a model with losses behind them.
    """

    use: str
    call: Callable[[Any], Any]
    example: dict[str, Any] = field(default_factory=dict)


@dataclass
class Plan:
    """What is settled before training: so many rows at once on so much memory, or an adapter of some size on a base.

    Attributes:
        batch: Keyword arguments of a plan: model, row, rows, accumulation, effective batch, memory.
        base: A folder with the configuration of a base.
        adapter: A folder with that of an adapter.
    """

    batch: dict[str, Any] = field(default_factory=dict)
    base: Path | None = None
    adapter: Path | None = None


@dataclass
class Bundle:
    """A zip to hand in, the folder it was made of, and how large it may be."""

    path: Path
    folder: Path
    limit: int


@dataclass
class Package:
    """A folder that a grader imports and asks, with the questions and the seconds that each part may take."""

    folder: Path
    questions: Sequence[str]
    seconds: float


@dataclass
class Source:
    """Somebody's source code, to be read and not run."""

    folder: Path
