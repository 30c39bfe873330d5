"""Data sets are read whole or refused; answers are judged as the grader judges them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import support
from hypothesis import given
from hypothesis import strategies as st

from homework import data
from homework.errors import DatasetUnreadable, OptionInvalid


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder, set as HOMEWORK_DATA_DIR."""
    monkeypatch.setenv("HOMEWORK_DATA_DIR", str(tmp_path))
    return tmp_path


def test_dataset_reads_the_projects_own_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without HOMEWORK_DATA_DIR the data folder beside the package is read."""
    monkeypatch.delenv("HOMEWORK_DATA_DIR", raising=False)
    dataset = data.Dataset("train")

    assert len(dataset) == 1000
    assert dataset[0] == list(dataset.rows[0]) == next(iter(dataset))
    assert isinstance(dataset[0][1], float)


def test_dataset_reads_course_like_files(folder: Path) -> None:
    """Integer answers become floats; rft rows keep their reasoning."""
    (folder / "rft.json").write_text('[["How many g is 6 kg?", 6000, "6 * 1000 = <answer>6000</answer>"]]')

    assert data.Dataset("rft")[0] == ["How many g is 6 kg?", 6000.0, "6 * 1000 = <answer>6000</answer>"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no JSON"),
        ('[["q", 1],', "line 1, column"),
        ("[]", "an empty list"),
        ('{"q": 1}', "a JSON dict"),
        ('[["q", 1], ["q", "5"]]', "a string as answer .*row 1"),
        ('[["q"]]', "row 0"),
        ('[["q", true]]', "row 0"),
        ('[["q", NaN]]', "row 0"),
        ('[["q", Infinity]]', "row 0"),
        ('[["q", 1e999]]', "row 0"),
        ('[["  ", 1]]', "row 0"),
        ('[["q", 1, 2]]', "row 0"),
        ('[["q", 1, "r", "s"]]', "row 0"),
        ('["q"]', "row 0"),
        ("[[" + '"' + "q" * 500 + '"]]', r"\.\.\."),
        ("[" * 100_000, "no JSON|nested"),
        ('[["q", 1' + "0" * 400 + "]]", "row 0"),
    ],
    ids=[
        "empty file", "cut file", "empty list", "object", "string answer", "no answer", "bool answer", "NaN", "inf",
        "overflow", "blank question", "number as reasoning", "four entries", "row is a string", "long row", "deep",
        "integer beyond floats",
    ],
)  # fmt: skip
def test_malformed_files_are_refused(folder: Path, content: str, message: str) -> None:
    """Each is refused with file and place, and nothing of it is used."""
    (folder / "train.json").write_text(content)

    with pytest.raises(DatasetUnreadable, match=message) as caught:
        data.Dataset("train")
    assert "train.json" in caught.value.where


def test_missing_file_lists_what_is_there(folder: Path) -> None:
    """The error names the data sets that are there."""
    (folder / "valid.json").write_text('[["q", 1]]')

    with pytest.raises(DatasetUnreadable, match=r"there: valid\.json"):
        data.Dataset("train")


def test_missing_folder_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data folder that does not exist is an error about the file."""
    monkeypatch.setenv("HOMEWORK_DATA_DIR", str(folder / "nowhere"))

    with pytest.raises(DatasetUnreadable, match="no data set"):
        data.Dataset("train")


def test_folder_instead_of_file_is_refused(folder: Path) -> None:
    """Something that cannot be opened is an error with the system's words."""
    (folder / "train.json").mkdir()

    with pytest.raises(DatasetUnreadable, match="Is a directory"):
        data.Dataset("train")


def test_other_encodings_are_refused(folder: Path) -> None:
    """Bytes that are no UTF-8 are named by position."""
    (folder / "train.json").write_bytes(b'[["caf\xe9", 1]]')

    with pytest.raises(DatasetUnreadable, match="position 6"):
        data.Dataset("train")


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=5), st.lists, max_leaves=8))
def test_any_row_is_accepted_or_refused(row: object) -> None:
    """No row, however odd, gets through unchecked or raises anything else."""
    try:
        checked = data._checked(row, "here")
    except DatasetUnreadable:
        return
    assert isinstance(checked[0], str)
    assert math.isfinite(checked[1])


def test_split_dev_parts_are_disjoint() -> None:
    """Every row is in exactly one part, a fifth of them in dev."""
    rows = [(f"q{number}", float(number)) for number in range(100)]
    train, dev = data.split_dev(rows)

    assert len(dev) == 20
    assert sorted(train + dev) == sorted(rows)


@pytest.mark.parametrize(
    ("answer", "correct", "valid"),
    [
        (104.9, 100, True),
        (105.0, 100, False),
        (95.0, 100, False),
        (95.1, 100, True),
        (0.1254, 0.125, True),
        (math.nan, 1, False),
        (math.inf, 1, False),
        (0, 0, False),
        (0.0004, 0.0, False),
    ],
)
def test_is_answer_valid_is_strict(answer: float, correct: float, valid: bool) -> None:  # noqa: FBT001
    """The bound itself is outside; NaN and inf are never valid; rounding to 3 decimals comes first."""
    assert data.is_answer_valid(answer, correct) == valid


def test_benchmark_counts_answers_and_right_ones(small_data: Path) -> None:
    """A wrong number is an answer; NaN is none."""
    dataset = data.Dataset("valid")
    right = [float(row[1]) for row in dataset]
    llm = support.CannedLLM([right[0], right[1] * 2, math.nan, right[3]])

    result = data.benchmark(llm, dataset, 4)

    assert (result.accuracy, result.answer_rate) == (0.5, 0.75)
    assert [sample.is_correct for sample in result.samples] == [True, False, False, True]
    assert llm.asked == [row[0] for row in json.loads((small_data / "valid.json").read_text())[:4]]


def test_benchmark_stops_at_the_end_of_the_data(small_data: Path) -> None:
    """More questions asked for than there are is no error."""
    assert len(data.benchmark(support.CannedLLM([1.0] * 20), data.Dataset("valid"), 500).samples) == 20


@pytest.mark.parametrize("count", [0, -1], ids=["none", "negative"])
def test_benchmark_of_nothing_is_refused(small_data: Path, count: int) -> None:
    """No share can be measured on no question."""
    with pytest.raises(OptionInvalid, match="at least 1 question"):
        data.benchmark(support.CannedLLM([]), data.Dataset("valid"), count)


def test_from_answers_wants_one_answer_a_question(small_data: Path) -> None:
    """A missing answer is not silently left out."""
    with pytest.raises(OptionInvalid, match="3 answers"):
        data.BenchmarkResult.from_answers([1.0] * 3, data.Dataset("valid"), 4)


@pytest.mark.parametrize(
    ("share", "low", "high"), [(0.46, 0.366, 0.557), (0.5, 0.404, 0.596), (0.0, 0.0, 0.037), (1.0, 0.963, 1.0)]
)
def test_wilson_interval_matches_the_literature(share: float, low: float, high: float) -> None:
    """At 100 rows the interval is the published one."""
    assert data.wilson_interval(share, 100) == pytest.approx((low, high), abs=1e-3)


def test_summary_states_both_intervals(small_data: Path) -> None:
    """One line says accuracy, answer rate, both intervals and the number of rows."""
    result = data.BenchmarkResult.from_answers([math.nan] * 20, data.Dataset("valid"), 20)

    assert data.summary(result) == (
        "accuracy 0.000 (95% interval 0.000-0.161), answer rate 0.000 (95% interval 0.000-0.161) on 20 rows"
    )
