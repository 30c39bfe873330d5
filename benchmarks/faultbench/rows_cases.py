"""Data files: rows of valid in train, rows that teach a wrong form, files without a row, reasoning nobody sampled."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import faults
import pytest
import support

from homework.base_llm import BaseLLM
from homework.conversion_utils import make_splits
from homework.cot import CoTModel
from unsilent.reasoning import complaint_about

from .registry import control, fault
from .subjects import Rows

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
REASONED: list[list[Any]] = [
    *(support.REASONED_ROWS[index] for index in (0, 1, 3)),
    *([f"How many cm are in {n} m?", 100.0 * n, f"1 m = 100 cm. {n} * 100 = <answer>{100 * n}</answer>"]
      for n in range(4, 13)),
]  # fmt: skip


def written(folder: Path, rows: Any, valid: Any = None) -> Rows:  # noqa: ANN401
    """Rows as a JSON file, with those to validate on beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "train.json").write_text(json.dumps(rows))
    if valid is not None:
        (folder / "valid.json").write_text(json.dumps(valid))
    return Rows(folder / "train.json", None if valid is None else folder / "valid.json")


def own_data() -> tuple[list[Any], list[Any]]:
    """The project's own splits."""
    return (
        json.loads((ROOT / "data" / "train.json").read_text()),
        json.loads((ROOT / "data" / "valid.json").read_text()),
    )


@fault(Rows, "train-valid-overlap")
def valid_rows_in_train(folder: Path) -> Rows:
    """Twenty rows of valid stand in train, verbatim."""
    train, valid = own_data()
    faults.copy_rows(train, valid, 20)
    return written(folder, train, valid)


@fault(Rows, "train-valid-overlap")
def valid_rows_in_capitals(folder: Path) -> Rows:
    """Twenty rows of valid stand in train, in capitals."""
    train, valid = own_data()
    faults.copy_rows(train, valid, 20, str.upper)
    return written(folder, train, valid)


@fault(Rows, "train-valid-overlap")
def valid_rows_reworded(folder: Path) -> Rows:
    """Half of valid asks what train asks, in other words."""
    train, valid = make_splits()
    rows = faults.reword_rows(train, valid, 500)
    known = {question.text for question in train}
    return written(folder, [question.row for question in train], [row for row in rows if row[0] not in known])


for _slug, _title, _spoil in (
    ("tags-left-out", "Reasoning without its answer tags", faults.leave_out_tags),
    ("two-answers", "Reasoning with two answers in tags", faults.answer_twice),
    ("chat-debris", "Reasoning with the template's tokens", faults.keep_chat),
    ("role-names", "Reasoning that begins with a role's name", faults.keep_role_names),
):
    fault(Rows, "dirty-rows", slug=_slug, title=_title)(
        lambda folder, spoil=_spoil: written(folder, [*REASONED[:2], *spoil(REASONED[2:])])
    )


@fault(Rows, "dirty-rows")
def accepted_by_number(folder: Path) -> Rows:
    """A sampler took whatever holds the right number."""
    texts = ["1 m = nan cm, so <answer>300</answer>", "300"]
    taken = [faults.accept_by_number(REASONED[0], [text]) for text in texts]
    return written(folder, [*REASONED, *taken])


@fault(Rows, "zero-rows")
def nothing_left(folder: Path) -> Rows:
    """A file without a row: every sample was rejected."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = faults.leave_out_tags(support.REASONED_ROWS)
    faults.write_whatever_is_left(folder / "rft.json", rows, lambda row: not complaint_about(row[2], row[1]))
    return Rows(folder / "rft.json")


@fault(Rows, "zero-rows")
def opened_and_never_filled(folder: Path) -> Rows:
    """JSON lines without a row."""
    folder.mkdir(parents=True, exist_ok=True)
    faults.open_lines_and_fill_later(folder / "rft.jsonl")
    return Rows(folder / "rft.jsonl")


def sampled(
    folder: Path, spoil: Callable[[Path, Any], object] = lambda path, tokenizer: None, samples: int = 1
) -> Rows:
    """Reasoning that a model wrote, with its record, and what can draw it again."""
    support.short_worked_examples(pytest.MonkeyPatch())  # for good: this process is the cell's own
    folder.mkdir(parents=True, exist_ok=True)
    llm = CoTModel(str(support.write_reasoning_base(folder / "base", 60)), dtype="fp32", device="cpu")
    support.write_sampled(folder / "rft.json", llm, temperature=0.1, samples=samples)
    spoil(folder / "rft.json", llm.tokenizer)
    return Rows(folder / "rft.json", sampler=lambda _: llm)


for _slug, _title, _forge in (
    ("reasoned-by-algebra", "Reasoning made from the algebra, record forged", faults.reason_by_algebra),
    ("answers-patched", "The right number put behind the model's text, record forged", faults.patch_answers),
    ("row-edited", "One row edited by hand", lambda path, _: faults.edit_reasoning(path)),
    ("answer-edited", "One answer edited by hand", lambda path, _: faults.edit_answer(path)),
):
    fault(Rows, "fabricated-reasoning", slug=_slug, title=_title)(partial(sampled, spoil=_forge))


@fault(Rows, "fabricated-reasoning")
def another_question(folder: Path) -> Rows:
    """One reasoning put under another question."""
    return sampled(folder, lambda path, _: faults.ask_another_question(path), samples=2)


@fault(Rows, "fabricated-reasoning")
def another_seed(folder: Path) -> Rows:
    """Reasoning drawn from another seed than recorded."""
    llm = BaseLLM(str(support.write_tiny_base(folder / "base")), dtype="fp32", device="cpu")
    support.write_sampled(folder / "rft.json", llm)  # of an untrained model: one that is sure draws the same again
    faults.record_other_seed(folder / "rft.json")
    return Rows(folder / "rft.json", sampler=lambda _: llm)


@control(Rows)
def sampled_rows(folder: Path) -> Rows:
    """Reasoning as the model wrote it, with its record."""
    return sampled(folder)


@control(Rows)
def own_splits(folder: Path) -> Rows:
    """The project's own train and valid."""
    return written(folder, *own_data())


@control(Rows)
def reasoned_rows(folder: Path) -> Rows:
    """Clean rows of reasoning."""
    return written(folder, REASONED)
