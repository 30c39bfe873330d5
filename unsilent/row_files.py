"""A file of rows to train on, judged: are there any, are they fit to be learnt from, did a model write them.

    unsilent check data data/rft.json --sampler my_project:load_what_sampled

No answer is not a good one: where nothing looked at the reasoning, where a sampler was given and drew nothing, and
where a record lies beside the rows but they could not be compared with it, the verdict is undecided.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .fabrication import check_fabricated, is_whole
from .outcome import Report, skipped
from .provenance import ProvenanceUnusable, read_provenance, sidecar_of
from .reasoned_rows import REDRAWN, RowsUnreadable, parse_rows, read_bytes
from .reasoning import check_dirty_rows, check_zero_rows

if TYPE_CHECKING:
    from pathlib import Path

    from .fabrication import Sampler
    from .failures import Stage

STAGE: Stage = "evaluation"
CHECKS = ("zero-rows", FORM := "dirty-rows", ORIGIN := "fabricated-reasoning")


def judge_rows(
    path: str | Path, *, sampler: Sampler | None = None, count: int = REDRAWN, seed: int | None = None
) -> Report:
    """Run the three checks on a file; where it cannot be read, each is skipped.

    Args:
        path: Of the rows; the record of their sampling lies beside it.
        sampler: As ``check_fabricated``.
        count: Rows that are drawn again.
        seed: Of their choice; None chooses others each time.
    """
    subject = str(path)
    try:
        data = read_bytes(path)
        rows = parse_rows(data, path)
    except RowsUnreadable as error:
        return Report(subject, tuple(skipped(slug, STAGE, str(error)) for slug in CHECKS))
    try:
        record = read_provenance(sidecar_of(path))
        origin = check_fabricated(rows, record, sampler=sampler, count=count, seed=seed, data=data)
        claimed = record is not None and not is_whole(record, data)
    except ProvenanceUnusable as error:
        origin, claimed = skipped(ORIGIN, STAGE, str(error)), True
    form = check_dirty_rows(rows)
    unseen = form.status == origin.status == "skipped"
    needed = {ORIGIN for wanted in (sampler is not None, claimed) if wanted} | ({FORM} if unseen else set())
    return Report(subject, (check_zero_rows(rows, where=subject), form, origin), needed=frozenset(needed))
