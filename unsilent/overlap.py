"""Whether validation rows are new: not in the training file verbatim, nor under another coat, nor in other words.

Three degrees. *Verbatim* and *formatted otherwise* (case, spaces, punctuation, unicode, 1,000 for 1000) are the same
row, and one of them is a finding. *In other words* means the same numbers, the same answer and a word in common that is
not in every row: what a question is about, without any list of units. "3 m in cm" and "3 cm in m" differ in the answer,
"3 km in m" and "3 kg in g" in the words.

Small amounts and few units coincide by chance, so what is in other words is measured against the training rows
themselves. Where both splits were drawn alike, a valid row finds its like in train as often as a training row finds it
among the *other* training rows. Only more than that is a finding, and needs no knowledge of how many rows could be.
"""

from __future__ import annotations

from collections import Counter
from statistics import median
from typing import TYPE_CHECKING, Any

from .asked_rows import canonical_word, number_word, read_rows
from .outcome import failed, passed, skipped
from .proportions import fisher_exact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .asked_rows import Asked
    from .outcome import Outcome

SLUG = "train-valid-overlap"
# Share of the rows beyond which a word says nothing about what is asked. On the project's own data unit names stand in
# at most one row of ten (but for "in", which is also a word); "in", "is", "how", "what", "to" in one of four and more.
COMMON = 0.2
RARE = 3  # rows; in small files every word stands in a large share of the rows
# Probability of calling two splits unlike that were drawn alike. Rows that are alike come in clusters, which makes the
# true rate larger: over 1140 pairs of splits of the project's own generator the smallest was 8e-6, within one family.
ALPHA = 1e-6
LARGE_ALPHA = 0.1  # where the excess is large: in splits of a few rows nothing is less probable than 0.05
LARGE_EXCESS = 0.5
ENOUGH = 0.5  # training rows that could be valid rows, for each valid row
LEAST_EXCESS = 0.05  # of the rows; less shifts an accuracy by less than its own interval on 1000 rows
RESPELT = 2  # words; a text in another case differs in more of them, or at its head too
CANDIDATES = 8  # training rows that differ in case alone, with which a valid row is compared
CASES: Sequence[Callable[[str], str]] = (str.lower, str.upper, str.capitalize)
EXAMPLES = 5


def check_overlap(train_rows: Iterable[Any], valid_rows: Iterable[Any]) -> Outcome:
    """[train-valid-overlap] Look for validation rows that training has shown.

    Args:
        train_rows: ``[question, answer, ...]``.
        valid_rows: The same.

    Returns:
        Failed with the counts of each degree and the first rows, when a valid row stands in train verbatim or formatted
        otherwise, or when far more of them are in train in other words than training rows are among each other.
        Passed with the counts as a message where some are in other words. Skipped when a split holds no readable row.

    Source:
        History of the same code: rows of valid stood in train.
    """
    try:
        (train, train_unread), (valid, valid_unread) = read_rows(train_rows), read_rows(valid_rows)
    except Exception as error:  # noqa: BLE001 - anybody's rows may come from anywhere
        return skipped(SLUG, "evaluation", f"the rows cannot be read ({type(error).__name__}: {error})")
    if not train or not valid:
        which = "valid" if train else "training"
        return skipped(SLUG, "evaluation", f"no {which} row is a [question, answer] with a text as question")
    found = _coats(train, valid)
    others = [row for row in valid if row.index not in found]
    reworded, expected = _reworded(train, others, valid)
    verbatim = [pair for pair in found.values() if pair[0].question == pair[1].question]
    coats = [pair for pair in found.values() if pair[0].question != pair[1].question]
    beyond = _is_beyond(len(reworded), len(others), *expected)
    unread = train_unread + valid_unread
    aside = f"; {unread} rows were no [question, answer] and were left out" if unread else ""
    in_words = (
        f"{len(reworded)} of {len(valid)} valid rows ask in other words what a training row asks, as {expected[0]} of "
        f"{expected[1]} training rows do of each other{aside}"
    )
    if not found and not beyond:
        return passed(SLUG, "evaluation", in_words if reworded or aside else "")
    pairs = [*verbatim, *coats, *(reworded if beyond else ())]
    first, twin = pairs[0]
    return failed(
        SLUG,
        "evaluation",
        f"Expected valid rows that training does not show, but got {len(verbatim)} of {len(valid)} verbatim and "
        f"{len(coats)} formatted otherwise in train; {in_words}. Where: valid row {first.index}, {first.question!r}, "
        f"and training row {twin.index}, {twin.question!r}, counted from 0. What to do: remove these rows from train "
        "and train again.",
        {"verbatim": len(verbatim), "formatted_otherwise": len(coats), "in_other_words": len(reworded),
         "valid": len(valid), "train": len(train), "unread": unread, "in_other_words_is_finding": beyond,
         "within_train": {"alike": expected[0], "rows": expected[1]},
         "conflicting_answers": sum(one.answer != other.answer for one, other in verbatim),
         "examples": [{"valid": one.question, "train": other.question, "rows": [one.index, other.index]}
                      for one, other in pairs[:EXAMPLES]]},
    )  # fmt: skip


def _is_beyond(hits: int, rows: int, like: int, of: int) -> bool:
    """Whether valid rows have their like in train far more often than training rows have."""
    if not rows or not of:
        return False
    excess, chance = hits / rows - like / of, fisher_exact(hits, rows, like, of)
    return (excess >= LEAST_EXCESS and chance <= ALPHA) or (excess >= LARGE_EXCESS and chance <= LARGE_ALPHA)


def _coats(train: Sequence[Asked], valid: Sequence[Asked]) -> dict[int, tuple[Asked, Asked]]:
    """Valid rows, by index, with the training row that is the same but for its formatting."""
    written: dict[tuple[str, ...], Asked] = {}
    spelt: dict[tuple[tuple[str, ...], str], Asked] = {}
    alike: dict[tuple[tuple[str, ...], str], list[Asked]] = {}
    for row in train:
        for key in (*_written(row), (row.question,)):
            written.setdefault(key, row)
        if spelt.setdefault((row.words, row.answer), row) is row:
            alike.setdefault((row.canonical, row.answer), []).append(row)
    found = {}
    for row in valid:
        near = alike.get((row.canonical, row.answer), [])[:CANDIDATES]
        twins = (
            *(written.get(key) for key in _written(row)),
            written.get((row.question, "with", "") if row.third else (row.question,)),
            spelt.get((row.words, row.answer)),
            *(one for one in near if not _is_respelt(row.words, one.words)),
        )
        if twin := next(filter(None, twins), None):
            found[row.index] = (row, twin)
    return found


def _written(row: Asked) -> list[tuple[str, ...]]:
    """What must be equal, letter by letter, in one way at least, where both rows have a third field.

    A question is not all that is asked where a text beside it, such as a passage, differs and the answer does, too.
    """
    return [(row.question, "answered", row.answer), (row.question, "with", row.third)]


def _is_respelt(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two rows of the same canonical words differ in the case of one or two words, and are thus different.

    It may be the difference between two units, kB and KB, or all that is asked about a text. The first word of a
    sentence has a capital or none, and a whole text may be written in another case.
    """
    differing = [place for place, (a, b) in enumerate(zip(one, other, strict=True))
                 if a != b and number_word(canonical_word(a)) is None]  # fmt: skip
    later = [place for place in differing if place]
    uniform = any(list(map(case, a)) == list(b) for case in CASES for a, b in ((one, other), (other, one)))
    return 0 < len(later) <= RESPELT and not (uniform and differing != later)


def _reworded(
    train: Sequence[Asked], others: Sequence[Asked], valid: Sequence[Asked]
) -> tuple[list[tuple[Asked, Asked]], tuple[int, int]]:
    """Pairs of valid and training rows of the same content; and how many training rows have their like in train.

    A training file that holds most of its rows several times counts each once; a few repeated ones are coincidences.
    """
    times = Counter(row.words for row in train)
    distinct = list({row.words: row for row in reversed(train)}.values()) if median(times.values()) > 1 else train
    count = Counter(word for row in (*distinct, *valid) for word in set(row.canonical))
    most = max(RARE, COMMON * (len(distinct) + len(valid)))
    telling = {word for word, rows in count.items() if rows <= most and number_word(word) is None}
    holders: dict[tuple[object, str], list[Asked]] = {}
    for row in distinct:
        for word in set(row.canonical) & telling if row.content else ():
            holders.setdefault((row.content, word), []).append(row)
    reworded = []
    for row in others:
        words = sorted(set(row.canonical) & telling) if row.content else []
        twin = next((held[0] for word in words if (held := holders.get((row.content, word)))), None)
        if twin:
            reworded.append((row, twin))
    comparable = _comparable(distinct, valid, telling)
    alike = sum(
        any(len(holders[row.content, word]) > 1 for word in set(row.canonical) & telling)
        for row in comparable
        if row.content
    )
    return reworded, (alike, len(comparable))


def _comparable(train: Sequence[Asked], valid: Sequence[Asked], telling: set[str]) -> list[Asked]:
    """Training rows that could be valid rows: what valid never asks coincides more often, or more rarely.

    Numbers lie in the range of valid's numbers, as larger ones coincide more rarely; and where enough rows are left,
    all telling words are among valid's: one family of units has fewer pairs than all have.
    """
    asked = [number for row in valid for number in row.numbers]
    words = {word for row in valid for word in row.canonical} & telling
    near = [row for row in train if asked and all(min(asked) <= one <= max(asked) for one in row.numbers)]
    alike = [row for row in near if set(row.canonical) & telling <= words]
    return alike if len(alike) >= ENOUGH * len(valid) else near
