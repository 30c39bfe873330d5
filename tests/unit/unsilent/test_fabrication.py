"""Rows are compared with their record, and drawn again by the model that is recorded, or not at all."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import faults
import pytest
import support

from homework.base_llm import BaseLLM
from unsilent import drawn_again, fabrication
from unsilent.fabrication import check_fabricated
from unsilent.outcome import Outcome
from unsilent.provenance import read_provenance, row_hash, sidecar_of, text_hash
from unsilent.redrawing import spelt

Content = dict[str, Any]
MODEL = {"base": "tiny", "config_sha256": "c", "dtype": "fp32", "adapter": {"folder": "a", "sha256": "s"}}


@pytest.fixture
def llm(tiny_base: Path) -> BaseLLM:
    """A tiny model in fp32."""
    return BaseLLM(str(tiny_base), dtype="fp32", device="cpu")


@pytest.fixture
def path(llm: BaseLLM, tmp_path: Path) -> Path:
    """Ten sampled rows."""
    support.write_sampled(tmp_path / "rft.json", llm, model=MODEL)
    return tmp_path / "rft.json"


def change(path: Path, edit: Callable[[Content], object]) -> None:
    """Edit the record."""
    content = json.loads(sidecar_of(path).read_text())
    edit(content)
    sidecar_of(path).write_text(json.dumps(content))


def check(path: Path, sampler: Any = None, **options: Any) -> Outcome:  # noqa: ANN401
    """Judge a file by its record."""
    return check_fabricated(json.loads(path.read_text()), read_provenance(sidecar_of(path)), sampler=sampler, **options)


def loads(llm: BaseLLM, **says: Any) -> Callable[[Any], Any]:  # noqa: ANN401
    """A sampler that returns this model, and says so."""
    facts: dict[str, Any] = {"model_record": says} if says else {}
    return lambda made: SimpleNamespace(
        model=llm.model, tokenizer=llm.tokenizer, format_prompt=llm.format_prompt, **facts
    )


def noting(asked: list[Any], llm: BaseLLM) -> Callable[[Any], BaseLLM]:
    """A sampler that notes what it is asked for."""

    def load(made: object) -> BaseLLM:
        asked.append(made)
        return llm

    return load


WRONG: list[tuple[str, Callable[[Content], object], int]] = [
    (fabrication.COUNT_DIFFERS, lambda content: content["rows"].pop(), 1),
    (fabrication.OTHER_TEXT, lambda content: content["rows"][3].update(text_sha256="0"), 1),
    (fabrication.OTHER_ROW, lambda content: content["rows"][3].update(row_sha256="0"), 1),
    (fabrication.NO_ROUND, lambda content: content["rows"][3].update(round=2), 1),
    (fabrication.NO_SAMPLE, lambda content: content["rows"][3].update(sample=2), 1),
    (fabrication.TOKENS, lambda content: content["rows"][3].update(tokens=[]), 1),
    (fabrication.TOKENS, lambda content: content["rows"][3].update(tokens=[7] * 51), 1),
    (fabrication.TWICE, lambda content: content["rows"][3].update(sample=1 - content["rows"][3]["sample"]), 2),
]


@pytest.mark.parametrize(("what", "edit", "rows"), WRONG, ids=[f"{what} {n}" for n, (what, *_) in enumerate(WRONG)])
def test_row_that_is_not_as_recorded_is_found(
    path: Path, what: str, edit: Callable[[Content], object], rows: int
) -> None:
    """Without a model."""
    change(path, edit)

    assert check(path).evidence["reasons"] == {what: rows}


def test_reasoning_that_is_no_text_is_found(path: Path) -> None:
    """It has no hash."""
    rows = json.loads(path.read_text())
    rows[2][2] = None
    path.write_text(json.dumps(rows))

    assert check(path).evidence["examples"] == [{"index": 2, "reason": fabrication.OTHER_TEXT, "detail": "None"}]


def other_text(content: Content) -> None:
    """Tokens of another row."""
    content["rows"][3]["tokens"] = content["rows"][4]["tokens"]


AGAIN: list[tuple[str, Callable[[Content], object]]] = [
    (drawn_again.OTHER_PROMPT, lambda content: content["rows"][3].update(prompt_sha256="0")),
    (drawn_again.BEYOND, lambda content: content["rows"][3].update(tokens=[259])),
    (drawn_again.OTHER_TOKENS, other_text),
    (drawn_again.NOT_DRAWN, lambda content: content["rounds"][0].update(temperature=3.0)),
]


@pytest.mark.parametrize(("what", "edit"), AGAIN, ids=[what for what, _ in AGAIN])
def test_row_that_is_not_drawn_again_is_found(
    path: Path, llm: BaseLLM, what: str, edit: Callable[[Content], object]
) -> None:
    """Each for its own reason."""
    change(path, edit)

    assert list(check(path, loads(llm), count=10).evidence["reasons"]) == [what]  # type: ignore[call-overload]


def test_few_rows_are_chosen_at_random(path: Path, llm: BaseLLM) -> None:
    """So many as asked for; one made-up row among them is found, and missed among the others."""
    change(path, other_text)
    outcomes = [check(path, loads(llm), count=2, seed=seed) for seed in range(12)]

    assert {outcome.status for outcome in outcomes} == {"passed", "failed"}
    assert outcomes == [check(path, loads(llm), count=2, seed=seed) for seed in range(12)]


def test_choice_is_another_each_time(path: Path, llm: BaseLLM) -> None:
    """It is said by which seed, so that it can be repeated; the process's own random state is left alone."""
    change(path, other_text)
    state = random.getstate()
    outcomes = [check(path, loads(llm), count=5) for _ in range(20)]
    said = [re.search(r"chosen by seed (\d+)", outcome.message) for outcome in outcomes]
    seeds = [int(found[1]) for found in said if found]

    assert random.getstate() == state
    assert len(set(seeds)) == 20
    assert {outcome.status for outcome in outcomes} == {"passed", "failed"}
    assert outcomes == [check(path, loads(llm), count=5, seed=seed) for seed in seeds]
    assert all(outcome.evidence.get("seed", seed) == seed for outcome, seed in zip(outcomes, seeds, strict=True))


def test_recorded_model_is_asked_for(path: Path, llm: BaseLLM) -> None:
    """The sampler gets the round; what could not be compared is said."""
    asked: list[Any] = []
    outcome = check(path, noting(asked, llm), count=10)

    assert [(made["round"], made["model"]) for made in asked] == [(1, MODEL)]
    assert outcome.message.startswith("10 rows were drawn again, each as recorded; the sampler does not say which")


def test_rounds_without_a_chosen_row_are_not_loaded(path: Path, llm: BaseLLM) -> None:
    """A second round with other settings, in which nothing was kept."""
    change(path, lambda content: content["rounds"].append(content["rounds"][0] | {"round": 2}))
    asked: list[Any] = []

    assert check(path, noting(asked, llm)).status == "passed"
    assert len(asked) == 1


def test_model_that_says_it_is_the_recorded_one(path: Path, llm: BaseLLM) -> None:
    """An adapter is known by its hash, wherever it lies."""
    says = MODEL | {"adapter": {"folder": "elsewhere", "sha256": "s"}}

    assert check(path, loads(llm, **says), count=10).message == "10 rows were drawn again, each as recorded"


@pytest.mark.parametrize("says", [{"base": "other"}, {"config_sha256": "d"}, {"adapter": None}], ids=str)
def test_another_model_judges_nothing(path: Path, llm: BaseLLM, says: Content) -> None:
    """What it draws says nothing about these rows."""
    outcome = check(path, loads(llm, **says))

    assert (outcome.status, "but the sampler loads" in outcome.reason) == ("skipped", True)


def test_more_that_was_recorded_is_compared(path: Path, llm: BaseLLM) -> None:
    """Whatever both the record and the sampler say of the model."""
    change(path, lambda content: content["rounds"][0]["model"].update(weights_sha256="w"))

    assert "weights_sha256 'w', but the sampler loads 'v'" in check(path, loads(llm, weights_sha256="v")).reason
    assert check(path, loads(llm, weights_sha256="w", dtype="other")).status == "passed"


def test_other_dtype_is_said(path: Path, tiny_base: Path) -> None:
    """And judged by the wider one's bound."""
    llm = BaseLLM(str(tiny_base), dtype="bf16", device="cpu")

    assert "drawn in float32, drawn again in bfloat16" in check(path, loads(llm)).message


def ends(made: object) -> None:
    """A sampler that ends the process."""
    raise SystemExit(0)


@pytest.mark.parametrize("sampler", [ends, lambda made: None, 7], ids=["ends", "gives nothing", "is none"])
def test_sampler_that_fails_judges_nothing(path: Path, sampler: object) -> None:
    """Nothing was drawn again."""
    outcome = check(path, sampler)

    assert (outcome.status, outcome.reason.startswith("nothing could be drawn again (")) == ("skipped", True)


def test_nothing_to_compare_with_judges_nothing(path: Path) -> None:
    """Without a record, or without a row."""
    assert check_fabricated([["q", 1.0, "r"]], None).reason == fabrication.NO_RECORD
    assert check_fabricated([], read_provenance(sidecar_of(path))).reason == "there is no row"


def test_file_that_was_written_anew_is_no_finding(path: Path, llm: BaseLLM) -> None:
    """Another layout, the same rows: it is said."""
    data = json.dumps(json.loads(path.read_text()), indent=1).encode()
    note = "; the file was written anew since it was recorded"

    assert check(path, data=data).reason.endswith(note)
    assert check(path, loads(llm, **MODEL), data=data).message.endswith(note)
    assert "anew" not in check(path, data=path.read_bytes()).reason


def test_older_record_has_no_hashes_of_rows(path: Path, llm: BaseLLM) -> None:
    """Of a file that was written anew every prompt is made again, and it is said that answers were not compared."""
    change(path, lambda content: [row.pop("row_sha256") for row in content["rows"]])
    change(path, lambda content: content["rounds"].append(content["rounds"][0] | {"round": 2}))
    change(path, lambda content: content["rows"][9].update(round=2))
    asked: list[Any] = []
    data = json.dumps(json.loads(path.read_text()), indent=1).encode()
    outcome = check(path, noting(asked, llm), data=data, count=1, seed=0)

    assert "so that answers were not compared" in outcome.message
    assert len(asked) == 2
    assert "so that answers were not compared" in check(path, data=data).reason


def test_question_that_stands_there_twice_is_no_finding(path: Path, llm: BaseLLM) -> None:
    """The same prompt has the same draws; under another question it is one draw used twice."""
    rows = json.loads(path.read_text())
    path.write_text(json.dumps([*rows, rows[3]]))
    change(path, lambda content: content["rows"].append(content["rows"][3]))

    assert check(path, loads(llm), count=11).status == "passed"

    rows[2][0] = "another question"
    path.write_text(json.dumps([*rows, [rows[2][0], *rows[3][1:]]]))
    change(path, lambda content: content["rows"][10].update(row_sha256=""))
    change(path, lambda content: content["rows"][2].update(row_sha256=""))

    assert check(path).evidence["reasons"] == {fabrication.TWICE: 2}


def test_one_odd_row_does_not_hide_the_others(path: Path, llm: BaseLLM) -> None:
    """A question that is no text, or tokens that the model cannot take, differ; the rest is looked at."""
    rows = json.loads(path.read_text())
    rows[4][0] = {"odd": []}
    path.write_text(json.dumps(rows))
    change(path, lambda content: content["rows"][4].update(row_sha256=row_hash(*rows[4])))
    examples: Any = check(path, loads(llm)).evidence["examples"]

    assert [(one["index"], one["reason"]) for one in examples] == [(4, drawn_again.OTHER_PROMPT)]


def test_row_that_cannot_be_drawn_differs(path: Path, llm: BaseLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a forged record has more tokens than the model has places."""
    errors = [ValueError("too long")]

    def spell_or_raise(*given: Any) -> str:  # noqa: ANN401
        if errors:
            raise errors.pop()
        return spelt(*given)

    monkeypatch.setattr(drawn_again, "spelt", spell_or_raise)

    assert check(path, loads(llm), count=10).evidence["reasons"] == {drawn_again.CANNOT: 1}


def test_row_that_is_nested_too_deeply_differs(path: Path) -> None:
    """It has no hash."""
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    rows = json.loads(path.read_text())
    rows[2][1] = nested

    assert check_fabricated(rows, read_provenance(sidecar_of(path))).evidence["reasons"] == {fabrication.OTHER_ROW: 1}


def test_forged_record_says_what_it_is(path: Path, llm: BaseLLM) -> None:
    """The injector itself: every hash agrees."""
    faults.reason_by_algebra(path, llm.tokenizer)
    record = read_provenance(sidecar_of(path))

    assert record is not None
    assert [draw.text_sha256 for draw in record.draws] == [text_hash(row[2]) for row in json.loads(path.read_text())]
