"""Checks on a few training rows, read and collated before the first step: what is in the labels, and what is not.

Each takes the sample that ``read_sample`` made and decides one failure; ``check_rows`` runs them all:

    sample = read_sample(trainer.train_dataset, trainer.data_collator, tokenizer=trainer.processing_class)
    outcomes = check_rows(sample, model=trainer.model)
"""

from __future__ import annotations

import statistics
from collections import Counter
from typing import TYPE_CHECKING, Any

from .begin_tokens import begins_twice, special_ids
from .collated import IGNORED, Row
from .outcome import failed, passed, skipped
from .samples import Sample, read_sample
from .shifts import check_shift

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from .failures import Stage
    from .outcome import Outcome

__all__ = [
    "check_bos", "check_eos", "check_labels_masked", "check_rows", "check_shift", "check_truncation", "read_sample",
]  # fmt: skip

STAGE: Stage = "wiring"

# One row without labels is healthy, and so are some; a failure is what befalls more than this share of them.
MOST = 0.5
# A row whose answer was cut has lost it when less than this share of its labels is left; a missing end alone is
# eos-never-learnt.
LEFT = 0.5
# Share of the rows in which a masked end-of-text must be seen. Others may be cut, or hold none; a stray one is chance.
ENDED = 0.25


def check_rows(
    sample: Sample,
    *,
    model: Any = None,  # noqa: ANN401 - any causal language model
    max_length: int | None = None,
    eos: int | Iterable[int] | None = None,
    bos: int | None = None,
) -> list[Outcome]:
    """Run every check of this module on a sample."""
    return [
        check_truncation(sample, max_length),
        check_labels_masked(sample),
        check_eos(sample, eos),
        check_shift(sample, model),
        check_bos(sample, bos),
    ]


def check_labels_masked(sample: Sample) -> Outcome:
    """[labels-all-masked] Count supervised tokens: more than half of the rows must have one.

    A label at the first token is never predicted, so it does not count.

    Returns:
        Failed with the rows that have none; skipped without rows or labels.

    Source:
        History of the same code; Trainer logs loss 0.0 and grad_norm 0.0 for a batch of such rows.
    """
    rows, reason = sample.labelled()
    if reason:
        return skipped("labels-all-masked", STAGE, reason)
    masked = [row.index for row in rows if not row.supervised]
    counts = [len(row.supervised) for row in rows]
    if len(masked) <= MOST * len(rows):
        note = f"{len(masked)} of {len(rows)} sampled rows have no supervised label" if masked else ""
        return passed("labels-all-masked", STAGE, note)
    return failed(
        "labels-all-masked",
        STAGE,
        f"Expected labels to learn from in most rows, but got none in {len(masked)} of {len(rows)} sampled rows. "
        f"Where: row {masked[0]}, as collated. What to do: mask the prompt's tokens only, and let no row lose its "
        "answer to a maximum length.",
        {"rows": len(rows), "masked": len(masked), "indices": masked, "min": min(counts),
         "median": statistics.median(counts), "max": max(counts)},
    )  # fmt: skip


def check_truncation(sample: Sample, max_length: int | None = None) -> Outcome:
    """[answers-truncated] Look for rows that have lost their labels because they were cut.

    What tells cut from masked: the row had more labels, or tokens, before the collator or as text; rows without labels
    are as long as the length that rows are cut at; or they are the longest, all of one length, while every shorter row
    has labels. Rows that TRL has dropped because truncation left them without labels count, too.

    Args:
        sample: From ``read_sample``.
        max_length: The configured length, as ``SFTConfig.max_length``; what tokenizer and collator are set to is known.

    Returns:
        Failed when most rows have lost their labels that way; skipped without rows or labels.
    """
    kept, reason = sample.labelled()
    gone = [row for row in sample.dropped if row.labels is not None and not row.supervised]
    rows = kept + gone
    if not rows:
        return skipped("answers-truncated", STAGE, reason)
    lengths = sample.max_lengths | ({max_length} if max_length else set())
    how: dict[str, list[Row]] = {
        "had more before": [row for row in rows if _is_cut_short(row)],
        "as long as max_length": [row for row in rows if not row.supervised and row.length in lengths],
        "all of the greatest length": _piled_up(rows),
    }
    among = {id(row) for found in how.values() for row in found}
    cut, cut_and_gone = ([row for row in group if id(row) in among] for group in (kept, gone))
    # those that were dropped for another reason do not count
    looked_at = sample.looked_at - len(sample.dropped) + len(gone)
    dropped = len(cut_and_gone) / looked_at if cut_and_gone else 0.0
    share = dropped + (1 - dropped) * len(cut) / max(len(kept), 1)
    if share <= MOST:
        note = f"{share:.0%} of the rows have lost their labels to truncation" if share else ""
        return passed("answers-truncated", STAGE, note)
    length = Counter(row.length for row in cut + cut_and_gone).most_common(1)[0][0]
    before = f"; {dropped:.0%} were dropped for it before training" if dropped else ""
    return failed(
        "answers-truncated",
        STAGE,
        f"Expected rows with their answers, but got {share:.0%} of the rows cut at {length} tokens, before or in the "
        f"answer ({len(cut)} of {len(kept)} sampled rows{before}). Where: row {(cut + cut_and_gone)[0].index}. What to "
        f"do: raise max_length above {length}, or refuse rows that do not fit.",
        {"rows": len(kept), "cut": len(cut), "dropped": dropped, "share": share, "length": length,
         "indices": [row.index for row in cut], "how": [words for words, found in how.items() if found]},
    )  # fmt: skip


def _is_cut_short(row: Row) -> bool:
    """Whether the row was longer in the data set, or as text, and has lost its labels, or most of them."""
    own = [number for number, is_own in zip(row.ids, row.real, strict=True) if is_own]
    missing = len(row.whole or own) - len(own)
    before = row.before or []
    if missing <= 0:
        return False
    cut_before = len(before) < len(row.whole or ())  # nobody knows the labels of the row as it was
    lost = missing if cut_before else sum(label != IGNORED for label in before[1:]) - len(row.supervised)
    if not row.supervised:
        return lost > 0
    # part of an answer: the only one, and cut in its midst; a conversation may well be longer than the row
    return row.is_open and lost * LEFT > len(row.supervised) * (1 - LEFT)


def _piled_up(rows: list[Row]) -> list[Row]:
    """Rows without labels, when they are the longest, of one length, and every shorter row has labels."""
    empty = [row for row in rows if not row.supervised]
    longest = max(row.length for row in rows)
    shorter = [row for row in rows if row.length < longest]
    one_length = all(row.length == longest for row in empty)
    return empty if len(empty) > 1 and one_length and shorter else []


def check_eos(sample: Sample, eos: int | Iterable[int] | None = None) -> Outcome:
    """[eos-never-learnt] Look for end-of-text tokens that end what is learnt, and are no labels themselves.

    Args:
        sample: From ``read_sample``.
        eos: Id or ids of the tokens that end generation; None asks the tokenizer.

    Returns:
        Failed when such a token follows labels in the rows, or did before they were cut, and is a label in none of
        them. Passed where one is a label, and, with a message, where rows hold none at all. Skipped without labels.
    """
    rows, reason = sample.labelled()
    rows = [row for row in rows if row.supervised]
    ends = special_ids(eos, sample.tokenizer, "eos_token_id")
    if not rows or not ends:
        reason = reason or ("no sampled row has a supervised label" if not rows else "no end-of-text token is known")
        return skipped("eos-never-learnt", STAGE, reason)
    if any(row.labels[place] in ends for row in rows for place in row.supervised if row.labels):
        return passed("eos-never-learnt", STAGE)
    left_out = [row for row in rows if _unlearnt_ends(row, ends)]
    cut_off = [row for row in rows if row not in left_out and _lost_its_end(row, ends)]
    found = left_out + cut_off
    if len(found) <= ENDED * len(rows):
        return passed("eos-never-learnt", STAGE, f"no end-of-text token ends an answer in {len(rows)} sampled rows")
    why = "masked from the labels" if left_out else "cut off"
    return failed(
        "eos-never-learnt",
        STAGE,
        f"Expected the end-of-text token to be a label where an answer ends, but got it {why} in {len(found)} of "
        f"{len(rows)} sampled rows and learnt in none. Where: row {found[0].index}, token id "
        f"{', '.join(map(str, sorted(ends)))}. What to do: mask padding by position or attention mask, not by token "
        "id; use a padding token of its own.",
        {"rows": len(rows), "masked": len(left_out), "cut": len(cut_off), "eos": sorted(ends),
         "indices": [row.index for row in found]},
    )  # fmt: skip


def _unlearnt_ends(row: Row, ends: Collection[int]) -> bool:
    """Whether an own end-of-text token follows a supervised one; the first of a packed sequence is its beginning."""
    labels = row.labels or []
    return any(
        row.ids[place] in ends
        and row.real[place]
        and place not in row.starts
        and labels[place] == IGNORED
        and labels[place - 1] != IGNORED
        for place in range(1, len(labels))
    )


def _lost_its_end(row: Row, ends: Collection[int]) -> bool:
    """Whether an answer's end-of-text token was there before the row was cut."""
    return row.has_prompt and row.whole is not None and len(row.whole) > row.length and row.whole[-1] in ends


def check_bos(sample: Sample, bos: int | None = None) -> Outcome:
    """[double-bos] Look for rows that begin with two begin tokens.

    Args:
        sample: From ``read_sample``.
        bos: Id of the begin token; None asks the tokenizer.

    Returns:
        Failed when most rows do, those made of that token alone left out; skipped without rows or a begin token.

    Source:
        open-r1#462: the chat template adds one and the tokenizer another.
    """
    begins = special_ids(bos, sample.tokenizer, "bos_token_id")
    rows = [row for row in sample.rows if len({one for one, own in zip(row.ids, row.real, strict=True) if own}) > 1]
    if not rows or not begins:
        nothing = "no begin token is known" if not begins else "no sampled row has two different tokens"
        return skipped("double-bos", STAGE, sample.reason or nothing)
    double = [row for row in rows if all(begins_twice(row.ids, begins, start) for start in row.starts)]
    if len(double) <= MOST * len(rows):
        return passed("double-bos", STAGE)
    return failed(
        "double-bos",
        STAGE,
        f"Expected one begin token at the head of a row, but got two in {len(double)} of {len(rows)} sampled rows. "
        f"Where: row {double[0].index}, token id {', '.join(map(str, sorted(begins)))}. What to do: tokenize text that "
        "a chat template has made with add_special_tokens=False.",
        {"rows": len(rows), "double": len(double), "bos": sorted(begins), "indices": [row.index for row in double]},
    )
