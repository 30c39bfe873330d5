"""Dossiers to print and draw: one of everything, and one whose every text was written by somebody who means harm."""

from __future__ import annotations

import math

from unsilent.dossier import Curve, Dossier, Measured, Section, UpdateNorms
from unsilent.outcome import Card, Outcome, Report, failed, passed, skipped
from unsilent.scores import score

GRADER = "the course's grader"
MODULES = ("mlp.down_proj", "mlp.gate_proj", "mlp.up_proj", *(f"self_attn.{one}_proj" for one in "koqv"))
# Breaks out of HTML, Markdown, XML, a terminal and GitHub's log, where one is not careful.
EVIL = (
    "<script>alert(1)</script><img src=x onerror=alert(2)> \"'>& {{7*7}} {% raw %} ]]> `code` [a](https://e.vil) "
    "![b](http://e.vil/x.png) |pipe| @somebody ::error::x ##[error]y\n::add-mask::z\x1b[31mred\x00\u202eback"
)


def section(stage: str, part: str, *outcomes: Outcome, required: bool = True, reason: str = "") -> Section:
    """A stage that took some seconds."""
    lines = ("base         embedded:SmolLM2-135M-Instruct", "method       LORA, rank 16, alpha 64", "  q_proj  ##")
    cards = (Card({"rank": 16}, lines),)
    report = Report(f"homework/{part or 'all'}", outcomes, cards if stage == "adapter" else ())
    return Section(stage, part, report, 1.25, required=required, reason=reason)


def curve(part: str = "sft", steps: int = 120, fault: int | None = None) -> Curve:
    """Loss falls and the norm jitters; from the faulty step on there is no finite value."""
    numbers = range(1, steps + 1)
    whole = [
        None if fault and number > fault else 2.1 * math.exp(-number / 30) + 0.08 * math.sin(number) ** 2 + 0.05
        for number in numbers
    ]
    norms = [
        None if fault and number >= fault else 1.2 + 0.5 * math.sin(number * 1.7) + 0.3 * math.cos(number)
        for number in numbers
    ]
    return Curve(part, tuple(5 * number for number in numbers), tuple(whole), tuple(norms), fault and 5 * fault)


def norms(part: str = "sft", layers: int = 30) -> UpdateNorms:
    """Every kind of cell: larger and smaller, zero, none, NaN."""
    values = [[8 + 4 * math.sin(row + layer / 5) + layer / 6 for layer in range(layers)] for row in range(len(MODULES))]
    rows: list[list[float | None]] = [[round(value, 4) for value in row] for row in values]
    rows[1][4], rows[2][7], rows[3][9] = 0.0, None, math.nan
    return UpdateNorms(part, MODULES, tuple(range(layers)), tuple(map(tuple, rows)))


def scores() -> dict[str, object]:
    """Of 100 answers 70 are right and one is no number."""
    rows = [[f"How many centimeters are there in {number} m?", 100.0 * number] for number in range(1, 101)]
    answers = [100.0 * number if number > 30 else 37.5 * number for number in range(1, 101)]
    answers[3] = math.nan
    families = {"family": lambda question: ("length", "volume", "time")[len(question) % 3]}
    return score(answers, rows, groups=families).as_json()


def red() -> Dossier:
    """What a gate says of a subject in which much is wrong."""
    untrained = failed(
        "adapter-untrained",
        "adapter",
        "Expected a trained adapter, but every lora_B is zero (210 of 210 tensors): it was created and never trained. "
        "Where: homework/rft_model. What to do: train one: python -m homework.rft train.",
        {"zero": 210, "tensors": 210, "names": [f"model.layers.{one}.q_proj.lora_B" for one in range(30)]},
    )
    nan = failed(
        "nan-grad-norm",
        "runs",
        "Expected a finite grad_norm and loss, but got grad_norm nan from there to the end (9 of 10 records). "
        "Where: step 400. What to do: look at that batch.",
        {"records": 10, "bad": 9, "loss": 0.0, "at": {"step": 400, "grad_norm": math.nan}},
        step=400,
    )
    zero = failed(
        "zero-loss", "runs", "Expected a loss above 0, but got 0.0. Where: step 405.", {"loss": 0.0}, step=405
    )
    risk = failed(
        "fp16-unguarded", "wiring", "Expected bf16 or fp32, but got fp16. Where: arguments.", {"scaler": None}
    )
    return Dossier(
        "homework",
        (
            section("submission", "", passed("base-too-large", "submission")),
            section(
                "adapter", "sft", passed("adapter-untrained", "adapter"), passed("adapter-corrupt", "adapter", "odd")
            ),
            section("adapter", "rft", untrained, passed("adapter-corrupt", "adapter")),
            section("runs", "sft", nan, zero, skipped("loss-not-decreasing", "runs", "too few records")),
            section("wiring", "sft", risk, required=False),
            section(
                "honesty", "rft", skipped("answer-lookup", "honesty", "no answer was right"), reason="it did not load"
            ),
        ),
        measured=(
            Measured("accuracy", "sft", 0.7, 0.4, ">", GRADER, (0.604, 0.781), "0.741 (0.713-0.767) on all 1000 rows"),
            Measured("answer rate", "sft", 0.85, 0.9, ">", GRADER, (0.767, 0.907)),
            Measured("seconds", "sft", 72.5, 60.0, "<", GRADER),
            Measured("parameters", "sft", 139_399_488, 380_000_000, "<=", GRADER),
            Measured("adapter size [MB]", "rft", math.nan, 20.0, "<=", "DESIGN.md"),
        ),
        curves=(curve("sft", fault=80), curve("rft")),
        norms=(norms(),),
        scores={"sft": scores()},
        notes=("No source of questions is named: the probe with new questions was left out.",),
        created="2026-11-21T22:40:00+00:00",
    )


def green() -> Dossier:
    """What a gate says when all is well."""
    return Dossier(
        "homework",
        (
            section("adapter", "sft", passed("adapter-untrained", "adapter")),
            section("runs", "sft", passed("zero-loss", "runs")),
        ),
        measured=(Measured("accuracy", "sft", 0.7, 0.4, ">", GRADER, (0.604, 0.781)),),
        curves=(curve(),),
        norms=(norms(),),
        scores={"sft": scores()},
        created="2026-11-21T22:40:00+00:00",
    )


def evil() -> Dossier:
    """Every text in it was written by somebody who means harm."""
    found = failed("answer-lookup", "honesty", f"Expected x. Where: {EVIL} What to do: {EVIL}", {EVIL: [EVIL], "n": 1})
    report = Report(
        EVIL,
        (found, passed("adapter-without-effect", "evaluation", EVIL), skipped("nan-score", "evaluation", EVIL)),
        (Card({}, (EVIL,)),),
    )
    row = {"index": EVIL, "question": EVIL, "answer": None, "correct": 1.0, "is_right": False}
    return Dossier(
        EVIL,
        (
            Section("honesty", EVIL, report, 1.0, required=True),
            Section("adapter", EVIL, Report(EVIL, ()), 0.0, required=True, reason=EVIL),
        ),
        measured=(Measured(EVIL, EVIL, 0.1, 0.4, ">", EVIL, note=EVIL),),
        curves=(Curve(EVIL, (1, 2), (1.0, 2.0), (None, None)),),
        norms=(UpdateNorms(EVIL, (EVIL,), (0,), ((1.0,),)),),
        scores={EVIL: {"worst": [row], "groups": {EVIL: {EVIL: {}}}}},
        notes=(EVIL,),
        created=EVIL,
    )
