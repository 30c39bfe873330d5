"""Honest programs pass, cheats are found, whatever they look like, and nothing is left changed."""

from __future__ import annotations

import copy
import math
import random
import signal
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import faults
import pytest
import support
import torch
from cheats import CHEATS
from honest_models import RECIPES, HonestLLM, fresh, honest_llm, splits

from unsilent.answers import is_right
from unsilent.asking import ProgramFailed
from unsilent.honesty import HonestyProbe, probe_honesty
from unsilent.outcome import Outcome, Report
from unsilent.signs import CHANCE, needed

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = splits()[1]
SEEDS = range(20)
ON_BETTER_MODELS = ("only where the model gives a number", "hint in the prompt", "hidden second model")


def statuses(report: Report) -> dict[str, str]:
    """What was said about each failure."""
    return {outcome.slug: outcome.status for outcome in report.outcomes}


def outcome_of(report: Report, slug: str) -> Outcome:
    """The outcome of one failure."""
    return next(outcome for outcome in report.outcomes if outcome.slug == slug)


@pytest.mark.no_cover
@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("quick", [True, False], ids=["quick", "all probes"])
def test_honest_programs_pass(recipe: str, quick: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """Sampling, voting, few-shot, remembering, merged, right or wrong: no finding."""
    assert not probe_honesty(honest_llm(recipe), ROWS, fresh, quick=quick).findings


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("recipe", ["before", "trained", "overfitted", "sampling", "batch dependent"])
def test_honest_programs_pass_over_seeds(recipe: str, seed: int) -> None:
    """Other weights, other rows."""
    rows = splits(seed)[1]

    assert not probe_honesty(honest_llm(recipe, seed), rows, fresh, seed=seed).findings


@pytest.mark.parametrize("name", [name for name in CHEATS if name not in ON_BETTER_MODELS])
def test_every_cheat_is_found(name: str) -> None:
    """On a model with random weights, with the quick probes, under its own name."""
    llm = honest_llm("blank")
    back = CHEATS[name](llm, ROWS)
    report = probe_honesty(llm, ROWS, fresh, quick=True)
    back()

    assert [finding.slug for finding in report.findings] == [CHEATS[name].slug]


@pytest.mark.no_cover
@pytest.mark.parametrize("quick", [True, False], ids=["quick", "all probes"])
@pytest.mark.parametrize("name", ON_BETTER_MODELS)
def test_cheats_that_need_a_model_are_found(name: str, quick: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """One waits for a number, one for a model that copies, one has a model of its own."""
    cheat = CHEATS[name]
    llm = honest_llm(cheat.shown_on)
    cheat(llm, ROWS)

    assert [finding.slug for finding in probe_honesty(llm, ROWS, fresh, quick=quick).findings] == ["answer-lookup"]


@pytest.mark.slow
@pytest.mark.parametrize("name", CHEATS)
@pytest.mark.parametrize("seed", range(5))
def test_cheats_are_found_on_trained_models(name: str, seed: int) -> None:
    """Where the honest accuracy is high as well, so that every cheat hides among right answers."""
    cheat, rows = CHEATS[name], splits(seed)[1]
    llm = honest_llm("copying" if cheat.shown_on == "copying" else "trained", seed)
    back = cheat(llm, rows)
    report = probe_honesty(llm, rows, fresh)
    back()

    assert [finding.slug for finding in report.findings] == [cheat.slug]


def state(llm: HonestLLM) -> dict[str, Any]:
    """Weights to the bit, hooks, modes, random states."""
    model = llm.model
    return {
        "weights": {
            name: weight.detach().clone().view(torch.uint8).sum().item() for name, weight in model.named_parameters()
        },
        "bits": [weight.detach().numpy().tobytes() for weight in model.parameters()],
        "hooks": sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()),
        "modes": [module.training for module in model.modules()],
        "random": (random.getstate(), torch.get_rng_state().tolist()),
        "own": sorted(vars(llm)),
    }


@pytest.mark.no_cover
def test_nothing_is_left_changed() -> None:
    """Weights to the bit, hooks, modes, random states."""
    llm = honest_llm("barely trained")
    before = state(llm)
    probe_honesty(llm, ROWS, fresh)

    assert state(llm) == before


def test_nothing_is_left_changed_by_a_program_that_stops_in_between() -> None:
    """The program is interrupted while its weights are disturbed: the interruption goes on, the weights are back."""
    llm = honest_llm("barely trained")
    before, calls, honest = state(llm), [], llm.answer

    def answer(*questions: str) -> list[float]:
        calls.append(questions)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return honest(*questions)

    llm.answer = answer  # type: ignore[method-assign] # stands for Ctrl-C at this moment
    with pytest.raises(KeyboardInterrupt):
        probe_honesty(llm, ROWS, fresh)
    del llm.answer

    assert state(llm) == before


@pytest.mark.slow
@pytest.mark.parametrize("after", [0.02, 0.05, 0.1, 0.15, 0.2, 0.3])
def test_nothing_is_left_changed_by_ctrl_c(after: float) -> None:
    """A real signal, at whatever moment."""
    llm = honest_llm("barely trained")
    before = state(llm)
    timer = threading.Timer(after, signal.raise_signal, [signal.SIGINT])
    timer.start()
    try:
        probe_honesty(llm, ROWS, fresh)
        timer.join()
    except KeyboardInterrupt:
        pass

    assert {name: value for name, value in state(llm).items() if name != "random"} == {
        name: value for name, value in before.items() if name != "random"
    }


def test_benchmark_can_be_run_on_the_probe() -> None:
    """It answers as the program does, and nothing is asked twice."""
    llm = honest_llm("trained")
    probe = HonestyProbe(llm, fresh)
    answers = probe.answer(*[question for question, _ in ROWS])
    report = probe.judge(ROWS, quick=True)

    assert answers == llm.answer(*[question for question, _ in ROWS])
    assert statuses(report) == dict.fromkeys(("answer-lookup", "answer-calculator", "adapter-without-effect"), "passed")


def test_quick_asks_no_more_than_once_more() -> None:
    """Counted in questions."""
    llm, asked = honest_llm("trained"), []
    honest = llm.answer
    llm.answer = lambda *questions: asked.append(len(questions)) or honest(*questions)  # type: ignore[method-assign,func-returns-value]
    probe_honesty(llm, ROWS, fresh, quick=True)

    assert asked[0] == 100
    assert sum(asked[1:]) <= 100


ENOUGH = needed(len(ROWS), CHANCE)


def right_about(rows: int) -> HonestLLM:
    """A trained program that gives no number but to so many rows, by its own weights as long as they are its own."""
    llm = honest_llm("trained")
    honest = llm.answer
    right = [question for (question, _), is_right in zip(ROWS, marks_of(llm), strict=True) if is_right][:rows]

    def answer(*questions: str) -> list[float]:
        return [
            given if asked in right else math.nan for asked, given in zip(questions, honest(*questions), strict=True)
        ]

    llm.answer = answer  # type: ignore[method-assign] # an honest program
    return llm


def marks_of(llm: HonestLLM) -> list[bool]:
    """Which of the rows it is right about."""
    return [is_right(given, row[1]) for given, row in zip(llm.answer(*[row[0] for row in ROWS]), ROWS, strict=True)]


def test_quick_does_not_disturb_what_is_right_too_seldom() -> None:
    """One right answer less than a finding takes: no question is asked again, and it is said why nothing is decided."""
    llm, asked = right_about(ENOUGH - 1), []
    counted = llm.answer
    llm.answer = lambda *questions: asked.append(len(questions)) or counted(*questions)  # type: ignore[method-assign,func-returns-value]
    report = probe_honesty(llm, ROWS, fresh, quick=True)

    assert asked == [100]
    assert list(report.cards[0].content) == ["as it is"]
    assert outcome_of(report, "answer-lookup").reason.startswith(f"{ENOUGH - 1} of 100 answers are right: at least 12")


def test_quick_disturbs_what_is_right_often_enough() -> None:
    """As many as a finding takes: half of the questions under each disturbance, and it is decided."""
    report = probe_honesty(right_about(ENOUGH), ROWS, fresh, quick=True)

    assert list(report.cards[0].content) == ["as it is", "with other digits", "with shuffled weights"]
    assert outcome_of(report, "answer-lookup").status == "passed"


def test_all_probes_disturb_whatever_is_right() -> None:
    """Only quick mode spares it."""
    report = probe_honesty(right_about(1), ROWS, fresh)

    assert "with shuffled weights" in report.cards[0].content


@pytest.mark.parametrize(("fault", "status"), [(faults.disable_adapters, "failed"), (lambda _: None, "passed")])
def test_adapter_is_judged_where_nothing_is_disturbed(fault: Callable[[Any], None], status: str) -> None:
    """Too few right answers may come of an adapter without effect: it is looked at all the same."""
    llm = right_about(1)
    fault(llm.model)
    report = probe_honesty(llm, ROWS, fresh, quick=True)

    assert "with shuffled weights" not in report.cards[0].content
    assert outcome_of(report, "adapter-without-effect").status == status


def test_program_that_raises_is_not_judged() -> None:
    """With what it said; the exception reaches whoever runs a benchmark on the probe."""
    broken = SimpleNamespace(answer=lambda *_: 1 / 0)
    report = probe_honesty(broken, ROWS)

    assert (report.verdict(), report.exit_status()) == ("undecided", 2)
    assert report.outcomes[0].reason == "answer() raised ZeroDivisionError: division by zero"
    with pytest.raises(ZeroDivisionError):
        HonestyProbe(broken).answer("?")
    with pytest.raises(ProgramFailed, match="gave 0 answers to 1 questions"):
        HonestyProbe(SimpleNamespace(answer=lambda *_: [])).answer("?")


def test_nothing_asked_is_not_judged() -> None:
    """Rows that the probe has not seen cannot be judged."""
    assert HonestyProbe(honest_llm("blank")).judge(ROWS).outcomes[0].reason == "nothing has been asked"


def test_model_is_found_when_it_runs() -> None:
    """It lies in a closure, and is loaded when the program is first asked."""
    loaded: list[HonestLLM] = []

    def answer(*questions: str) -> list[float]:
        loaded.extend([] if loaded else [honest_llm("trained")])
        return loaded[0].answer(*questions)

    program = SimpleNamespace(answer=answer)
    report = probe_honesty(program, ROWS)

    assert "with shuffled weights" in report.cards[0].content
    assert not report.findings


def test_program_that_reloads_its_model_is_not_judged() -> None:
    """What is disturbed is thrown away before it answers."""
    llm = honest_llm("trained")
    honest = HonestLLM.answer

    def answer(*questions: str) -> list[float]:
        llm.model = copy.deepcopy(llm.model)
        return honest(llm, *questions)

    llm.answer = answer  # type: ignore[method-assign] # an honest program
    report = probe_honesty(llm, ROWS, fresh)

    assert report.verdict() == "undecided"
    assert report.outcomes[0].reason.startswith("it loads its model anew whenever it is asked")


@pytest.mark.no_cover
def test_candidates_in_prompts_are_not_the_answer() -> None:
    """Every candidate is put to the model in a prompt of its own: the right one stands in one of three."""
    llm = honest_llm("trained")
    honest, table = llm.answer, dict(ROWS)

    def answer(*questions: str) -> list[float]:
        for question in questions:
            for candidate in (table.get(question, 1.0), 7.0, 77.0):
                llm.generate(f"{question} Is it {candidate:g}?")
        return honest(*questions)

    llm.answer = answer  # type: ignore[method-assign] # an honest program

    assert not probe_honesty(llm, ROWS[:30], fresh, quick=True).findings


def test_program_that_copies_its_model_can_be_probed() -> None:
    """What hangs on the model while it is watched can be copied with it."""
    llm = honest_llm("trained")
    honest = llm.answer
    llm.answer = lambda *asked: (copy.deepcopy(llm.model), honest(*asked))[1]  # type: ignore[method-assign] # honest

    assert statuses(probe_honesty(llm, ROWS, fresh, quick=True))["answer-lookup"] == "passed"


def test_program_without_a_model_is_told_so() -> None:
    """Canned answers: nothing can be disturbed; a calculator is found all the same."""
    canned = support.CannedLLM([answer for _, answer in ROWS])
    report = probe_honesty(canned, ROWS)
    assert report.verdict() == "undecided"
    assert outcome_of(report, "answer-lookup").reason.startswith("there is no torch model in it")

    calculator = SimpleNamespace(answer=lambda *asked: [float(math.prod(numbers(one))) for one in asked])
    assert probe_honesty(calculator, ROWS, fresh).findings[0].slug == "answer-calculator"


def numbers(question: str) -> list[int]:
    """Those of more than one digit."""
    return [int(word.strip(".?")) for word in question.split() if word.strip(".?").isdigit() and len(word) > 2]
