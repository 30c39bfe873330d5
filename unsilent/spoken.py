"""What a model said, put together from the tokens that went through it.

Generation feeds every token back but the last, so the prompts and texts stand in the forward passes themselves: with a
cache one new token for each row, without one the whole row again, one token longer. Nothing that turns tokens into
answers is asked, since that is what may be replaced. Here are plain lists; `witness.py` takes them from a live model.

Shapes: B rows, T tokens.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

Decode = Callable[[list[int]], str]
Item = TypeVar("Item")

RECENT = 8  # groups that a row without a cache may go on from; loops that take turns have two or three


@dataclass(frozen=True)
class Spoken:
    """One generated sequence.

    Attributes:
        prompt: What the model was given, without padding; of an encoder-decoder, what the encoder was given.
        text: What was generated.
        tokens: How many tokens that were, without the one that ends it.
        certain: False where the last token was never fed back: it is the most likely one, and may have been another.
        fed: The part of the text that was fed back, and so is certain.
        own: Share of the generated tokens that were the model's most likely ones: 1.0 when decoding greedily, low when
            somebody else chose them; NaN where that was not seen.
    """

    prompt: str
    text: str
    tokens: int
    certain: bool
    fed: str = ""
    own: float = math.nan


@dataclass
class Pass:
    """One forward pass.

    Attributes:
        ids: (B, T) tokens that went in; None where embeddings did that belong to no tokens.
        following: (B,) most likely next tokens; None where no logits were computed.
        before: Positions in the cache before the pass; None where that is unknown.
        memory: Which cache.
        width: T of the embeddings, which may have more positions than there are tokens.
        kept: Positions that logits were computed for.
        source: (B, T) tokens that the encoder was given.
    """

    ids: list[list[int]] | None
    following: list[int] | None = None
    before: int | None = None
    memory: int | None = None
    width: int = 0
    kept: int = 1
    source: list[list[int]] | None = None


@dataclass
class Group:
    """Rows that are generated together.

    Attributes:
        rows: Tokens of each row so far.
        guesses: Of each token, what the model held most likely there; None where that was not seen.
        start: Tokens that are prompt.
        offset: Positions before the first token: virtual tokens, or a prompt that was not seen.
        following: Most likely next tokens.
        begun: Whether anything has been generated.
        ended: Rows that were given up, as beams are, with their guesses and sources.
        sources: What the encoder was given for each row; empty lists without one.
    """

    rows: list[list[int]]
    guesses: list[list[int | None]]
    start: int
    offset: int = 0
    following: list[int] | None = None
    begun: bool = False
    ended: dict[tuple[int, ...], tuple[list[int | None], list[int]]] = field(default_factory=dict)
    sources: list[list[int]] = field(default_factory=list)


class Transcript:
    """Passes in, sequences out."""

    def __init__(self) -> None:
        self.groups: list[Group] = []
        self._by_memory: dict[int, Group] = {}

    def add(self, one: Pass) -> None:
        """Take in the next pass: it goes on from an earlier one, or begins a group."""
        ids = one.ids
        group = self._group_of_cache(one) if one.before or ids is None else None
        if group is None and ids is not None and not one.before:
            group = self._group_that_grows(ids) or (self._same_size(ids) if one.before is None else None)
        if group is None:
            group = self._begin(one)
        elif ids is not None:
            _extend(group, ids, (one.before or math.inf) - group.offset, one.kept)
        else:
            group.offset += one.width
        group.following = one.following if len(one.following or ()) == len(group.rows) else None
        if one.memory is not None:
            self._by_memory[one.memory] = group

    def take(self, memory: int, rows: Sequence[int] | None, repeats: int = 1, *, selected: bool = False) -> None:
        """The rows of a cache were reordered, selected or repeated, as beams are; those ``selected`` are no beams."""
        group = self._by_memory.get(memory)
        if group is not None:
            rows = [row for row in range(len(group.rows)) for _ in range(repeats)] if rows is None else rows
            rows = [row for row in rows if row < len(group.rows)]
            _rearrange(group, rows, going_on=rows if selected else ())

    def spoken(self, decode: Decode, ends: Iterable[int]) -> list[Spoken]:
        """Every sequence, in the order in which they began.

        Args:
            decode: Turns tokens into text, without those that are no text.
            ends: Tokens that end a sequence, or fill it up.
        """
        stop = frozenset(ends)
        return [one for group in self.groups for one in _spoken_of(group, decode, stop)]

    def _group_of_cache(self, one: Pass) -> Group | None:
        """The group whose cache this is; of a copied cache, a copy of the group it was filled by."""
        rows = len(one.ids) if one.ids is not None else 0
        known = self._by_memory.get(one.memory) if one.memory is not None else None
        if known is not None and len(known.rows) == (rows or len(known.rows)):
            return known
        filled = (group for group in reversed(self.groups) if _length(group) == one.before)
        for group in filled:
            if one.memory is None and len(group.rows) == rows:
                return group
            if one.memory is not None and len(group.rows) in (1, rows):
                return self._copy(group, rows)
        return None

    def _copy(self, group: Group, rows: int) -> Group:
        times = rows // len(group.rows)
        copied = Group(_copies(group.rows * times), _copies(group.guesses * times), group.start, group.offset)
        copied.sources = group.sources * times
        self.groups.append(copied)
        return copied

    def _group_that_grows(self, ids: list[list[int]]) -> Group | None:
        """The recent group whose rows these are, each one token longer."""
        for group in self.groups[: -RECENT - 1 : -1]:
            if len(group.rows[0]) != len(ids[0]) - 1:
                continue
            place = {tuple(row): number for number, row in reversed(list(enumerate(group.rows)))}
            parents = [place.get(tuple(row[:-1])) for row in ids]
            known = [parent for parent in parents if parent is not None]
            if len(known) == len(ids):
                if [group.rows[parent] for parent in known] != group.rows:
                    _rearrange(group, known)
                return group
        return None

    def _same_size(self, ids: list[list[int]]) -> Group | None:
        """The last group, where one token a row comes and nothing is known about a cache."""
        last = self.groups[-1] if self.groups else None
        return last if last is not None and len(ids[0]) == 1 and len(last.rows) == len(ids) else None

    def _begin(self, one: Pass) -> Group:
        ids = one.ids if one.ids is not None else [[] for _ in one.following or [0]]
        start = length = len(ids[0])
        if 1 < one.kept < length:  # logits of several last positions: candidates of an assistant are being verified
            start = length - one.kept + 1
        given = one.source or [[]]  # several samples of a question have its source in common
        sources = [given[row * len(given) // len(ids)] for row in range(len(ids))]
        group = Group(_copies(ids), [[None] * length for _ in ids], start, sources=sources)
        group.offset = (one.before or 0) + max(one.width - length, 0)
        group.begun = start < length
        self.groups.append(group)
        return group


def squeezed(text: str) -> str:
    """A text without white space and case, since templates wrap questions and tokenizers normalise them."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def _length(group: Group) -> int:
    return len(group.rows[0]) + group.offset


def _copies(rows: Sequence[list[Item]]) -> list[list[Item]]:
    return [list(row) for row in rows]


def _extend(group: Group, ids: list[list[int]], before: float, kept: int) -> None:
    """Write tokens behind the ``before`` first ones: what stood there was rejected, or stands there again."""
    known = len(group.rows[0])
    if before == math.inf:  # rows that come whole, or one token to a row
        before = known
        ids = [row[-1:] for row in ids]
    begin = max(min(int(before), known), 0)
    expected = group.following if begin == known and group.following is not None else [None] * len(ids)
    begins_here = len(ids[0]) == 1 or 1 < kept < len(ids[0]) or [row[0] for row in ids] == expected
    group.begun = group.begun or begins_here
    for row, guesses, new, guess in zip(group.rows, group.guesses, ids, expected, strict=True):
        row[begin:] = new
        guesses[begin:] = [guess, *[None] * (len(new) - 1)]
    if not group.begun:  # the next piece of a long prompt
        group.start = len(group.rows[0])


def _rearrange(group: Group, rows: Sequence[int], *, going_on: Collection[int] = ()) -> None:
    """Let each row be a copy of another; those as they stood are kept, for a beam that is finished goes on nowhere.

    Rows of which it is known that they all go on are only longer later.
    """
    old = enumerate(zip(group.rows, group.guesses, group.sources, strict=True))
    ended = [one for place, one in old if place not in going_on]
    group.ended |= {tuple(row): (guesses, source) for row, guesses, source in ended}
    group.rows = [list(group.rows[row]) for row in rows]
    group.guesses = [list(group.guesses[row]) for row in rows]
    if group.following is not None:
        group.following = [group.following[row] for row in rows]
    group.sources = [group.sources[row] for row in rows]


def _spoken_of(group: Group, decode: Decode, stop: frozenset[int]) -> Iterable[Spoken]:
    following: Sequence[int | None] = group.following or [None] * len(group.rows)
    ended = [(list(row), guesses, source, None) for row, (guesses, source) in group.ended.items()]
    rows = [*zip(group.rows, group.guesses, group.sources, following, strict=True), *ended]
    for row, guesses, source, last in rows:
        generated = row[group.start :]
        length = next((place for place, token in enumerate(generated) if token in stop), len(generated))
        is_ended = length < len(generated)
        fed = generated[:length]
        text = [*fed, last] if last is not None and last not in stop and not is_ended else fed
        seen = [token == guess for token, guess in zip(fed, guesses[group.start :], strict=False) if guess is not None]
        said = decode(fed)
        yield Spoken(
            decode(source or row[: group.start]),
            decode(text) if len(text) > length else said,
            len(text),
            is_ended,
            said,
            sum(seen) / len(seen) if seen else math.nan,
        )
