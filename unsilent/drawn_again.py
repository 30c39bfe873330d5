"""Rows of a record, drawn again by the models that the record names.

Loading is the caller's: a ``sampler`` that may raise anything, give another model, or stumble over one odd row. Where
it fails for every row nothing can be said; where it fails for some, these rows differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .parity import dtype_of, long_name
from .provenance import text_hash
from .redrawing import most_shift, prompt_ids, redraw, spelt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .provenance import Draw, Provenance, Round
    from .reasoned_rows import ReasonedRow

    Sampler = Callable[[Mapping[str, Any]], Any]

SHOWN = 80  # characters of a text

# What may differ.
OTHER_PROMPT = "another prompt"
BEYOND = "tokens beyond the vocabulary"
OTHER_TOKENS = "tokens of another text"
NOT_DRAWN = "not what the model draws"
CANNOT = "cannot be drawn again"


@dataclass(frozen=True)
class Difference:
    """What is wrong with one row: a word that is the same for all of its kind, and the details."""

    index: int
    what: str
    detail: str = ""


class OtherModel(Exception):
    """The sampler gave another model than was recorded; the message says what differs."""


class DrawnAgain:
    """Loads the model of each round and draws the chosen rows again."""

    def __init__(
        self, rows: Sequence[ReasonedRow], record: Provenance, sampler: Sampler, chosen: frozenset[int]
    ) -> None:
        self.rows, self.record, self.sampler, self.chosen = rows, record, sampler, chosen
        self.notes: list[str] = []
        self.prompts_differ = False

    def differences(self, *, everywhere: bool) -> list[Difference]:
        """What differs, in rounds with a chosen row or ``everywhere``.

        Raises:
            Exception: Whatever somebody's sampler raises for every row that it is asked for.
        """
        found: list[Difference] = []
        for made in self.record.rounds:
            rows = [row for row in self.rows if self.record.draws[row.index].round == made.round]
            chosen = [row for row in rows if row.index in self.chosen]
            if chosen or (rows and everywhere):
                found += self._of_round(made, rows, chosen)
        return sorted(found, key=lambda one: one.index)

    def _of_round(self, made: Round, rows: Sequence[ReasonedRow], chosen: Sequence[ReasonedRow]) -> list[Difference]:
        loaded = self.sampler(made.as_json())
        self.notes += [note for note in _must_be_recorded(loaded, made) if note not in self.notes]
        draws = self.record.draws
        prompts = _each(rows, OTHER_PROMPT, lambda row: _compare_prompt(loaded, row, draws[row.index]))
        self.prompts_differ |= bool(prompts)
        return prompts or _each(chosen, CANNOT, lambda row: _redraw_row(loaded, row, draws[row.index], made))


def _each(
    rows: Sequence[ReasonedRow], failing: str, look: Callable[[ReasonedRow], tuple[str, str] | None]
) -> list[Difference]:
    """Look at every row; one that raises differs, but where all raise, it is not the rows."""
    found: list[Difference] = []
    errors: list[Exception] = []
    for row in rows:
        try:
            why = look(row)
        except Exception as error:  # noqa: BLE001 - somebody's code, on a row of any kind
            errors.append(error)
            why = failing, f"{type(error).__name__}: {error}"
        if why:
            found.append(Difference(row.index, *why))
    if errors and len(errors) == len(rows):
        raise errors[0]
    return found


def _must_be_recorded(loaded: Any, made: Round) -> list[str]:  # noqa: ANN401
    """Refuse a model that says it is another one; say what could not be compared."""
    says: Mapping[str, Any] = getattr(loaded, "model_record", None) or {}
    for name in dict.fromkeys(("base", "config_sha256", "adapter", *made.model)):
        wanted, given = (_identity(content.get(name)) for content in (made.model, says))
        if wanted != given and name in says and name != "dtype":  # which is judged by its own bound
            raise OtherModel(f"round {made.round} was drawn from {name} {wanted!r}, but the sampler loads {given!r}")
    notes = [] if says else ["the sampler does not say which model it loads"]
    recorded, held = long_name(str(made.model.get("dtype"))), dtype_of(loaded.model)
    return notes + ([f"drawn in {recorded}, drawn again in {held}"] if recorded != held else [])


def _identity(value: object) -> object:
    """An adapter is known by its hash, wherever it lies."""
    return value.get("sha256") if isinstance(value, dict) else value


def _compare_prompt(loaded: Any, row: ReasonedRow, draw: Draw) -> tuple[str, str] | None:  # noqa: ANN401
    prompt = loaded.format_prompt(row.question)
    return None if text_hash(prompt) == draw.prompt_sha256 else (OTHER_PROMPT, repr(prompt[-SHOWN:]))


def _redraw_row(loaded: Any, row: ReasonedRow, draw: Draw, made: Round) -> tuple[str, str] | None:  # noqa: ANN401
    prompt = loaded.format_prompt(row.question)
    if max(draw.tokens) >= loaded.model.config.vocab_size:
        return BEYOND, f"token {max(draw.tokens)} of {loaded.model.config.vocab_size}"
    text = spelt(loaded.tokenizer, draw.tokens)
    if text_hash(text) != draw.text_sha256:
        return OTHER_TOKENS, repr(text)[:SHOWN]
    drawn = redraw(loaded.model, prompt_ids(loaded.tokenizer, prompt), draw, made)
    widest = max(drawn, key=lambda one: one.shift)
    bound = most_shift(long_name(str(made.model.get("dtype"))), dtype_of(loaded.model))
    if widest.shift <= bound:
        return None
    tokens = [loaded.tokenizer.decode([token]) for token in (widest.recorded, widest.drawn)]
    return NOT_DRAWN, (
        f"token {widest.position} is {tokens[0]!r}, which has {widest.low:.3f} to {widest.high:.3f}, but the number "
        f"{widest.number:.3f} draws {tokens[1]!r}; logits would have to move by {widest.shift:.2f}, more than {bound:g}"
    )
