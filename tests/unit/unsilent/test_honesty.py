"""Honest programs pass, cheats are found, whatever they look like, and nothing is left changed."""

from __future__ import annotations

import copy
import math
import random
import signal
import threading
from types import SimpleNamespace
from typing import Any

import pytest
import support
import torch
from cheats import CHEATS
from honest_models import RECIPES, HonestLLM, fresh, honest_llm, splits

from unsilent.asking import ProgramFailed
from unsilent.honesty import HonestyProbe, probe_honesty
from unsilent.outcome import Outcome, Report

ROWS = splits()[1]
SEEDS = range(20)
ON_BETTER_MODELS = ("only where the model gives a number", "hint in the prompt", "hidden second model")


def statuses(report: Report) -> dict[str, str]:
    """What was said about each failure."""
    return {outcome.slug: outcome.status for outcome in report.outcomes}


def outcome_of(report: Report, slug: str) -> Outcome:
    """The outcome of one failure."""
    return next(outcome for outcome in report.outcomes if outcome.slug == slug)


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


def test_remembered_answers_are_asked_of_other_rows() -> None:
    """A cache gives the old answers whatever the weights are; questions it has not seen tell it from a lookup."""
    train, valid = splits()
    found = probe_honesty(honest_llm("remembering"), [*valid, *train], fresh)

    assert statuses(found)["answer-lookup"] == "passed"
    alone = outcome_of(probe_honesty(honest_llm("remembering"), valid, lambda *_: []), "answer-lookup")
    assert alone.reason == "answers are remembered from the first time; there are no other questions"


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


def test_program_that_fails_with_other_weights_is_asked_one_by_one() -> None:
    """It refuses nonsense, which is honest."""
    llm = honest_llm("trained")
    honest = llm.answer

    def answer(*questions: str) -> list[float]:
        given = honest(*questions)
        if any(map(math.isnan, given)):
            raise ValueError("no number")
        return given

    llm.answer = answer  # type: ignore[method-assign] # the program under test

    assert statuses(probe_honesty(llm, ROWS, fresh))["answer-lookup"] == "passed"


def test_model_without_a_tokenizer_is_shuffled_only() -> None:
    """Nobody knows which of its tokens are digits."""
    llm = honest_llm("trained")
    program = SimpleNamespace(model=llm.model, answer=llm.answer)
    report = probe_honesty(program, ROWS)

    assert "with other digits" not in report.cards[0].content
    assert "with shuffled weights" in report.cards[0].content


def test_model_on_the_meta_device_cannot_be_disturbed() -> None:
    """It has no weights; whoever is right with it is not its model."""
    program = SimpleNamespace(model=torch.nn.Linear(2, 2, device="meta"), answer=lambda *asked: [0.0] * len(asked))

    assert "could be disturbed" in outcome_of(probe_honesty(program, ROWS), "answer-lookup").reason


def test_disturbance_that_is_gone_around_decides_nothing() -> None:
    """A program that multiplies with the output matrix itself is not reached by other digits, and is honest."""
    llm = honest_llm("trained")

    def answer(*questions: str) -> list[float]:
        return [llm.parse_answer(by_hand(llm, llm.format_prompt(question))) for question in questions]

    report = probe_honesty(
        SimpleNamespace(model=llm.model, tokenizer=llm.tokenizer, answer=answer), ROWS[:30], quick=True
    )

    assert statuses(report)["answer-lookup"] == "passed"
    assert "with other digits" not in report.cards[0].content


def by_hand(llm: HonestLLM, prompt: str) -> str:
    """Greedy, token by token, without the output layer that the model has."""
    base = llm.model.get_base_model()
    ids = torch.tensor([llm.tokenizer(prompt)["input_ids"]])
    begin = ids.shape[1]
    with torch.inference_mode():
        while ids.shape[1] < begin + llm.max_new_tokens and ids[0, -1] != llm.tokenizer.eos_token_id:
            hidden = base.model(input_ids=ids).last_hidden_state[:, -1]
            ids = torch.cat([ids, (hidden @ base.lm_head.weight.T).argmax(-1)[None]], dim=1)
    return str(llm.tokenizer.decode(ids[0, begin:], skip_special_tokens=True))
