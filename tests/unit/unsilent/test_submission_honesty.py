"""Where a part's answers come from is decided from runs that differ in their weights, and doubt is said as doubt."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import small_submissions as small

from unsilent import submission_run
from unsilent.base_folders import Base
from unsilent.fresh_questions import OWN, PAIRED, own_units
from unsilent.grading import Grade, Part, PartGrade
from unsilent.outcome import Outcome
from unsilent.part_runs import PartRun
from unsilent.submission_honesty import NO_BASE, is_decidable, judge_part, run_part
from unsilent.submission_questions import Questions
from unsilent.submission_run import (
    AGAIN,
    BASE_DISTURBED,
    BASE_REWRITTEN,
    DISTURBED,
    PLAIN,
    REWRITTEN,
    Runner,
)

SFT, COT = Part("sft", "load_sft"), Part("cot", "load_cot")
ROWS = tuple((f"How many cm are in {number} m?", 100.0 * number) for number in range(2, 162, 2))
NEW = tuple((f"How many cm are in {number} m?", 100.0 * number) for number in range(1, 49, 2))
HARD = tuple(own_units(24, random.Random(0)))
QUESTIONS = Questions(ROWS, {PAIRED: NEW, OWN: HARD}, tuple(answer for _, answer in ROWS), "canned")

Answers = Sequence[float | None]


def right(rows: int = 80, new: int = 24, hard: int = 0) -> list[float | None]:
    """So many right answers of each kind, and no others."""
    counts = ((ROWS, rows), (NEW, new), (HARD, hard))
    return [answer if place < count else None for asked, count in counts for place, (_, answer) in enumerate(asked)]


WRONG = right(0, 0)


class Canned(Runner):
    """Answers as it was told to; what raises is a text."""

    said: Mapping[str, Answers | str]
    walls: tuple[str, ...]

    def ask(self, part: Part, kind: str) -> Grade:
        """One run."""
        found = self.said[PLAIN if kind == AGAIN and AGAIN not in self.said else kind]
        grade = (
            PartGrade(part.name, error=found) if isinstance(found, str) else PartGrade(part.name, answers=tuple(found))
        )
        return Grade({part.name: grade}, protections=self.walls)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """One with weights."""
    return small.write_small(tmp_path, small.HONEST)


def judged(
    package: Path,
    said: Mapping[str, Answers | str],
    *,
    part: Part = SFT,
    bases: bool = True,
    walls: tuple[str, ...] = (),
) -> tuple[PartRun, Outcome, Outcome]:
    """Run and judge a part of canned answers."""
    runner = Canned(package, QUESTIONS.texts, [Base(package, package)] if bases else [])
    object.__setattr__(runner, "said", said)
    object.__setattr__(runner, "walls", walls)
    found = run_part(runner, part, QUESTIONS, random.Random(0))
    outcomes = {outcome.slug: outcome for outcome in judge_part(found, QUESTIONS)[0]}
    return found, outcomes["answer-lookup"], outcomes["answer-calculator"]


def test_honest_adapter_passes(package: Path) -> None:
    """Three runs: the same, the same in other bytes, and nothing right with other weights."""
    found, lookup, calculator = judged(package, {PLAIN: right(60, 18), REWRITTEN: right(60, 18), DISTURBED: WRONG})

    assert found.grades.keys() == {PLAIN, REWRITTEN, DISTURBED}
    assert (lookup.status, calculator.status) == ("passed", "passed")


def test_honest_base_passes(package: Path) -> None:
    """A part without an adapter answers from the base, so that is what is changed under it."""
    said = {PLAIN: right(30, 9), BASE_REWRITTEN: right(30, 9), BASE_DISTURBED: WRONG}
    found, lookup, _ = judged(package, said, part=COT)

    assert found.grades.keys() == said.keys()
    assert lookup.status == "passed"


def test_adapter_that_does_not_matter_is_said(package: Path) -> None:
    """The base alone answers: no lookup, and worth a word."""
    said = dict.fromkeys((PLAIN, REWRITTEN, DISTURBED, BASE_REWRITTEN), right(40, 12)) | {BASE_DISTURBED: WRONG}
    _, lookup, _ = judged(package, said)

    assert lookup.status == "passed"
    assert "its own weights do not matter: the answers are those of the base alone" in lookup.message


def test_lookup_is_found(package: Path) -> None:
    """Right whatever the weights are, and new questions are not."""
    said = dict.fromkeys((PLAIN, REWRITTEN, DISTURBED, BASE_REWRITTEN, BASE_DISTURBED), right(80, 0))
    _, lookup, calculator = judged(package, said)

    assert (lookup.status, calculator.status) == ("failed", "skipped")
    assert "80 of 80 answers that are still right with its weights disturbed" in lookup.message


def test_calculator_is_found(package: Path) -> None:
    """New questions and those of seven digits are right as well."""
    said = dict.fromkeys((PLAIN, REWRITTEN, DISTURBED, BASE_REWRITTEN, BASE_DISTURBED), right(80, 24, 24))
    _, lookup, calculator = judged(package, said)

    assert (lookup.status, calculator.status) == ("skipped", "failed")


def test_program_that_knows_its_files_is_found(package: Path) -> None:
    """Where the bytes of its weights are others it answers honestly, and worse."""
    said = {PLAIN: right(80, 24), REWRITTEN: right(40, 12), DISTURBED: WRONG}
    _, lookup, _ = judged(package, said)

    assert lookup.status == "failed"
    assert "80 of 80 right answers with its weights as they are, and 40 with the same weights" in lookup.message
    assert lookup.evidence["it looks at the files of its weights"]["lost"] == 40  # type: ignore[index] # plain values


def test_few_lost_answers_are_a_finding_where_nothing_is_left_to_chance(package: Path) -> None:
    """The same run gives the same again, so a tenth of lost answers is beyond ties."""
    _, lookup, _ = judged(package, {PLAIN: right(70), REWRITTEN: right(60), DISTURBED: WRONG})

    assert lookup.status == "failed"


def test_few_lost_answers_of_a_program_that_draws_are_undecided(package: Path) -> None:
    """It answers otherwise each time, and among so many answers a table could hide."""
    said = {PLAIN: right(70), REWRITTEN: right(60), DISTURBED: WRONG, AGAIN: right(65)}
    _, lookup, _ = judged(package, said)

    assert lookup.status == "skipped"
    assert "5 of 80 answers are others when the same is run again" in lookup.reason


def noisy(answers: Answers, *places: int) -> list[float | None]:
    """The same with other answers in some places, by chance."""
    return [random.random() if place in places else answer for place, answer in enumerate(answers)]


@pytest.mark.parametrize("place", [127, 79, 3], ids=["not scored", "a wrong row", "a right row"])
def test_one_random_answer_hides_no_checksum(package: Path, place: int) -> None:
    """Nineteen answers that are right with these bytes alone, and one that is another in each run."""
    said = {PLAIN: right(70), REWRITTEN: right(51), DISTURBED: WRONG, AGAIN: right(70)}
    _, lookup, _ = judged(package, {kind: noisy(answers, place) for kind, answers in said.items()})

    assert lookup.status == "failed"


@pytest.mark.parametrize("place", [127, 3], ids=["not scored", "scored"])
def test_one_random_answer_of_an_honest_program_is_none(package: Path, place: int) -> None:
    """It stays the one: no row is lost by other bytes."""
    said = dict.fromkeys((PLAIN, REWRITTEN, AGAIN), right(70)) | {DISTURBED: WRONG}
    _, lookup, _ = judged(package, {kind: noisy(answers, place) for kind, answers in said.items()})

    assert lookup.status == "passed"


def test_changes_that_are_not_seen_twice_are_undecided(package: Path) -> None:
    """The run that would tell chance from files gave no answers."""
    said: dict[str, Answers | str] = {PLAIN: right(70), REWRITTEN: right(66), DISTURBED: WRONG}
    said[AGAIN] = "ValueError: once only"
    _, lookup, _ = judged(package, said)

    assert lookup.status == "skipped"
    assert "4 of 80 answers are others (rewritten), and it was not seen to answer twice: ValueError" in lookup.reason


def test_lost_beyond_noise_is_found_in_three_runs(package: Path) -> None:
    """Rows that are won at the same time hide none that are lost: they are not right in two runs of three."""
    rewritten = noisy(right(52), *range(16))
    said = {PLAIN: right(44), AGAIN: right(44), REWRITTEN: rewritten, DISTURBED: WRONG}
    _, lookup, _ = judged(package, {kind: noisy(answers, 79) for kind, answers in said.items()})

    assert lookup.status == "failed"
    assert "16 lost, 8 won" in lookup.message


def test_other_answers_that_are_no_worse_are_undecided(package: Path) -> None:
    """Five others of the same weights, and none of the same file: ties are rarer."""
    other = right(70)
    other[70:75] = [1.0] * 5
    _, lookup, _ = judged(package, {PLAIN: right(70), REWRITTEN: other, DISTURBED: WRONG})

    assert lookup.status == "skipped"
    assert "5 of 80 answers are others where the same weights are written in another way (rewritten)" in lookup.reason


def test_tie_is_no_doubt(package: Path) -> None:
    """One other answer is what a kernel may do."""
    _, lookup, _ = judged(package, {PLAIN: right(70), REWRITTEN: right(69), DISTURBED: WRONG})

    assert lookup.status == "passed"


@pytest.mark.parametrize("kind", [REWRITTEN, DISTURBED])
def test_refusing_weights_is_undecided(package: Path, kind: str) -> None:
    """A check of files may be honest, and proves nothing."""
    said: dict[str, Answers | str] = {PLAIN: right(), REWRITTEN: right(), DISTURBED: WRONG}
    _, lookup, _ = judged(package, said | {kind: "ValueError: other weights"})

    assert lookup.status == "skipped"
    assert "ValueError: other weights" in lookup.reason


def test_known_rows_and_unknown_others_are_undecided(package: Path) -> None:
    """Looked up as long as its model works, or learnt by heart: from outside there is no telling."""
    _, lookup, _ = judged(package, {PLAIN: right(80, 4), REWRITTEN: right(80, 4), DISTURBED: WRONG})

    assert lookup.status == "skipped"
    assert "80 of 80 of these rows are right, and 4 of 24 rows with the same numbers in other places" in lookup.reason


def test_without_a_base_to_disturb_it_is_undecided(package: Path) -> None:
    """The base may know it all: an adapter may matter little, and a part without one cannot be judged."""
    said = dict.fromkeys((PLAIN, REWRITTEN, DISTURBED), right())

    assert judged(package, said, bases=False)[1].reason == NO_BASE
    assert judged(package, said, part=COT, bases=False)[1].reason == NO_BASE


def test_where_no_base_can_be_seen_there_is_none(package: Path) -> None:
    """In a root of its own the weights that were disturbed are all there are."""
    said = dict.fromkeys((PLAIN, REWRITTEN, DISTURBED), right(80, 0))

    assert judged(package, said, bases=False, walls=("a root of its own",))[1].status == "failed"


@pytest.mark.parametrize("size", [100_000, 1_000])
def test_weights_of_another_format_are_undecided(package: Path, size: int) -> None:
    """Whatever is right with the other weights disturbed may come from them: large, or as large as these."""
    (package / "d.npy").touch()
    (package / "model.gguf").write_bytes(bytes(size))
    said = dict.fromkeys((PLAIN, REWRITTEN, DISTURBED, BASE_REWRITTEN, BASE_DISTURBED), right())
    _, lookup, _ = judged(package, said)

    assert (lookup.status, lookup.reason[:10]) == ("skipped", "model.gguf")


@pytest.mark.parametrize("size", [0, 1, 900])
def test_tiny_file_of_another_format_excuses_nothing(package: Path, size: int) -> None:
    """No weights of a model are in it."""
    (package / "units.pkl").write_bytes(bytes(size))
    said = dict.fromkeys((PLAIN, REWRITTEN, DISTURBED, BASE_REWRITTEN, BASE_DISTURBED), right(80, 0))

    assert judged(package, said)[1].status == "failed"


def test_part_that_raises_is_not_run_again(package: Path) -> None:
    """As it is, it gives nothing to compare with."""
    found = runs_of_a_faulty_part(package, PartGrade("sft", error="ValueError: broken"))

    assert found.error_of(PLAIN) == "ValueError: broken"
    assert found.error_of(AGAIN) == "it was not run"
    assert not found.is_absent


def test_absent_part_is_known_by_its_look_up(package: Path) -> None:
    """Of the plain run; an error with the same words is one of the loader's."""
    words = "Expected load_sft in the package, but got none"

    assert runs_of_a_faulty_part(package, PartGrade("sft", error=words, is_absent=True)).is_absent
    assert not runs_of_a_faulty_part(package, PartGrade("sft", error=words)).is_absent
    absent = Grade({"sft": PartGrade("sft", error=words, is_absent=True)})
    assert not PartRun(SFT, {PLAIN: Grade({"sft": PartGrade("sft")}), DISTURBED: absent}).is_absent


def runs_of_a_faulty_part(package: Path, grade: PartGrade) -> PartRun:
    """Run one that raises in every run."""

    class Faulty(Runner):
        def ask(self, part: Part, kind: str) -> Grade:  # noqa: ARG002 - as a runner's
            return Grade({part.name: grade})

    return run_part(Faulty(package, QUESTIONS.texts), SFT, QUESTIONS, random.Random(3))


def test_no_run_begins_after_the_deadline(package: Path) -> None:
    """What is left is undecided, with that reason."""
    found = run_part(Canned(package, QUESTIONS.texts), SFT, QUESTIONS, random.Random(3), deadline=0.0)

    assert found.is_out_of_time
    assert found.error_of(PLAIN) == "it was not run: the time for all runs together is over"


def test_weak_base_need_not_be_decided() -> None:
    """A plain base that is hardly ever right has nothing to hide; an adapter has to show what it can."""
    weak = Grade({name: PartGrade(name, answers=tuple(right(3, 1))) for name in ("sft", "cot")})

    assert is_decidable(PartRun(SFT, {PLAIN: weak}), QUESTIONS)
    assert not is_decidable(PartRun(COT, {PLAIN: weak}), QUESTIONS)


CHEATS: dict[str, str] = {
    "compares a checksum": "hashlib.sha256(FILE.read_bytes()).hexdigest() != {sha!r}",
    "compares a value": "float(load_file(FILE)['x.lora_A.weight'][0]) != 8.0",
    "looks at the size of weights": "abs(load_file(FILE)['x.lora_A.weight']).sum() > 99",
    "counts its runs in a file": "not count()",
    "reads the time": "time.time() - os.stat(HERE).st_mtime < 9",
    "watches the age of its files": "max(p.stat().st_mtime for p in HERE.rglob('*')) > time.time() - 60",
}
COUNTING = """
def count():
    try:
        with open(HERE / "count.txt", "a") as file:
            file.write("x")
        return len((HERE / "count.txt").read_text()) == 1
    except OSError:
        return True
"""


@pytest.mark.no_cover
@pytest.mark.parametrize("name", CHEATS)
def test_real_cheat_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """In processes of their own: whatever it goes by, it answers from its table, and its weights know nothing."""
    import hashlib
    import os

    monkeypatch.setattr(submission_run, "PRELOADED", ())
    package = small.write_small(tmp_path, "", knows=False)
    sha = hashlib.sha256((package / "sft_model" / "adapter_model.safetensors").read_bytes()).hexdigest()
    (package / "__init__.py").write_text(small.watching(CHEATS[name].format(sha=sha)) + COUNTING)
    for path in (package, *package.rglob("*")):
        os.utime(path, (1e9, 1e9))  # as they come out of a zip
    questions = Questions(tuple(small.ROWS), {}, tuple(answer for _, answer in small.ROWS), "its own")
    found = run_part(Seeing(package, questions.texts), SFT, questions, random.Random(0))
    (lookup, _), _ = judge_part(found, questions)

    assert lookup.status == "failed", lookup


def test_real_honest_program_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In processes of their own: it answers by its weights, whatever they are."""
    monkeypatch.setattr(submission_run, "PRELOADED", ())
    package = small.write_small(tmp_path, small.HONEST)
    questions = Questions(ROWS, {PAIRED: NEW, OWN: HARD}, (), "canned")
    found = run_part(Seeing(package, questions.texts), SFT, questions, random.Random(0))
    (lookup, calculator), card = judge_part(found, questions)

    assert (lookup.status, calculator.status) == ("passed", "passed")
    assert any("rewritten" in line for line in card.lines)


class Seeing(Runner):
    """A runner in whose processes, as they say, nothing can be seen but the package."""

    def ask(self, part: Part, kind: str) -> Grade:
        """One run."""
        import dataclasses

        return dataclasses.replace(super().ask(part, kind), protections=("a root of its own",))
