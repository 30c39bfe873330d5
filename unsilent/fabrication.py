"""Did a model write the reasoning? The record says from which prompt and by which numbers; some rows are drawn again.

Hashes of every row are compared with the record beside the file. A record can be forged, so with a ``sampler``, which
loads the model that the record names, every prompt is made again, and a few rows, chosen anew each time, are drawn
again, token by token: what the model would not have drawn from those numbers, it did not write.

    record = read_provenance(sidecar_of("data/rft.json"))
    check_fabricated(rows, record, sampler=load_what_sampled)

Where nothing could be compared or drawn the check is skipped; ``row_files.py`` does not let that pass for an answer.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from .drawn_again import SHOWN, Difference, DrawnAgain
from .outcome import failed, passed, skipped
from .provenance import covers, row_hash, text_hash
from .reasoned_rows import REDRAWN, as_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .failures import Stage
    from .outcome import Outcome
    from .provenance import Draw, Provenance, Round
    from .reasoned_rows import ReasonedRow

    Sampler = Callable[[Mapping[str, Any]], Any]
    Uses = defaultdict[tuple[int, str, int], set[tuple[str, tuple[int, ...]]]]

SLUG = "fabricated-reasoning"
STAGE: Stage = "evaluation"
EXAMPLES = 5
NO_RECORD = "nothing says where the reasoning comes from: there is no record of its sampling"

# What may differ.
COUNT_DIFFERS = "as many rows as were recorded"
OTHER_TEXT = "text other than recorded"
OTHER_ROW = "question or answer other than recorded"
NO_ROUND = "no such round"
NO_SAMPLE = "no such sample"
TOKENS = "no possible number of tokens"
TWICE = "one draw twice"


def check_fabricated(  # noqa: PLR0913 - rows, their record, and how to look
    rows: Sequence[Any],
    record: Provenance | None,
    *,
    sampler: Sampler | None = None,
    count: int = REDRAWN,
    seed: int | None = None,
    data: bytes | None = None,
) -> Outcome:
    """[fabricated-reasoning] Compare rows with the record of their sampling, and draw some of them again.

    Args:
        rows: ``[question, answer, reasoning]``, or objects with these names, in the order of the record.
        record: From ``provenance.read_provenance``.
        sampler: Called with a round of the record, as a mapping; returns an object with ``model``, ``tokenizer`` and
            ``format_prompt(question)``. Where it has ``model_record`` as well, a mapping such as the round's ``model``,
            that must be the recorded one.
        count: So many rows, chosen at random, are drawn again.
        seed: Of that choice; None chooses others each time, and the message says by which seed.
        data: The bytes of the file, where they are at hand.

    Returns:
        Failed with the rows that are not as recorded, or not what the model draws; skipped without a record, and where
        nothing could be drawn again although every hash agrees.
    """
    found = as_rows(rows)
    if record is None or not found:
        return skipped(SLUG, STAGE, NO_RECORD if record is None else "there is no row")
    if differences := _compare(found, record):
        return _failed(differences, len(found), len(found))
    notes = [] if data is None or covers(record, data) else ["the file was written anew since it was recorded"]
    whole = data is None or is_whole(record, data)
    notes += [] if whole else ["its record has no hashes of questions and answers, so that answers were not compared"]
    if sampler is None:
        agreed = "every reasoning is as recorded, but nothing was drawn again: no sampler was given"
        return skipped(SLUG, STAGE, "; ".join([agreed, *notes]))
    seed = random.SystemRandom().getrandbits(32) if seed is None else seed
    chosen = random.Random(seed).sample(range(len(found)), min(count, len(found)))
    again = DrawnAgain(found, record, sampler, frozenset(chosen))
    try:
        differences = again.differences(everywhere=not whole)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - somebody's sampler and model may raise anything
        return skipped(SLUG, STAGE, f"nothing could be drawn again ({type(error).__name__}: {error})")
    if differences:
        looked_at = len(found) if again.prompts_differ else len(chosen)
        return _failed(differences, looked_at, len(found), seed if looked_at < len(found) else None)
    which = f"{len(chosen)} rows" + (f" of {len(found)}, chosen by seed {seed}," if len(chosen) < len(found) else "")
    return passed(SLUG, STAGE, "; ".join([f"{which} were drawn again, each as recorded", *notes, *again.notes]))


def is_whole(record: Provenance, data: bytes) -> bool:
    """Whether questions and answers can be compared: the file is the recorded one, or each row has its hash."""
    return covers(record, data) or all(draw.row_sha256 for draw in record.draws)


def _compare(rows: Sequence[ReasonedRow], record: Provenance) -> list[Difference]:
    """What can be said without a model."""
    if len(rows) != len(record.draws):
        at = min(len(rows), len(record.draws))
        return [Difference(at, COUNT_DIFFERS, f"{len(rows)} rows, {len(record.draws)} recorded")]
    rounds = {made.round: made for made in record.rounds}
    pairs = list(zip(rows, record.draws, strict=True))
    uses: Uses = defaultdict(set)  # a question that stands in the data twice has the same draws both times
    for row, draw in pairs:
        uses[draw.round, draw.prompt_sha256, draw.sample].add((_text_of(row.question), draw.tokens))
    return [Difference(row.index, *why) for row, draw in pairs if (why := _compare_row(row, draw, rounds, uses))]


def _text_of(question: object) -> str:
    return question if isinstance(question, str) else ""


def _compare_row(  # noqa: PLR0911 - one for each kind of difference
    row: ReasonedRow, draw: Draw, rounds: Mapping[int, Round], uses: Uses
) -> tuple[str, str] | None:
    made = rounds.get(draw.round)
    if not isinstance(row.reasoning, str) or text_hash(row.reasoning) != draw.text_sha256:
        return OTHER_TEXT, repr(row.reasoning)[:SHOWN]
    if draw.row_sha256 and _hash_of(row) != draw.row_sha256:
        return OTHER_ROW, f"{_text_of(row.question)[:SHOWN]!r}"
    if made is None:
        return NO_ROUND, f"round {draw.round}"
    if draw.sample >= made.oversample:
        return NO_SAMPLE, f"sample {draw.sample} of {made.oversample}, counted from 0"
    if not 0 < len(draw.tokens) <= made.max_new_tokens:
        return TOKENS, f"{len(draw.tokens)} of at most {made.max_new_tokens}"
    if len(uses[draw.round, draw.prompt_sha256, draw.sample]) > 1:
        return TWICE, f"sample {draw.sample} of one prompt in round {draw.round}"
    return None


def _hash_of(row: ReasonedRow) -> str:
    """A row's hash; empty where it is nested too deeply for one."""
    try:
        return row_hash(row.question, row.answer, row.reasoning)
    except (ValueError, RecursionError):
        return ""


def _failed(differences: Sequence[Difference], looked_at: int, rows: int, seed: int | None = None) -> Outcome:
    counts = Counter(one.what for one in differences)
    first = differences[0]
    by_seed = "" if seed is None else f" (chosen by seed {seed})"
    kinds = ", ".join(f"{what} {count}" for what, count in counts.most_common())
    return failed(
        SLUG,
        STAGE,
        f"Expected reasoning that its model wrote, as recorded, but got {len(differences)} of {looked_at} rows that "
        f"differ{by_seed}: {kinds}. Where: row {first.index}: {first.detail}. What to do: sample the rows again, and "
        "keep each completion as it came, with its record.",
        {"rows": rows, "looked_at": looked_at, "differing": len(differences), "reasons": dict(counts),
         "examples": [{"index": one.index, "reason": one.what, "detail": one.detail}
                      for one in differences[:EXAMPLES]]} | ({} if seed is None else {"seed": seed}),
    )  # fmt: skip
