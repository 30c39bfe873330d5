"""What a log shows is found, what it cannot show is said, and a healthy run is left alone."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import faults
import pytest
import support
import trainers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unsilent import read_run
from unsilent.runs import SLUGS


def judge(tmp_path: Path, text: str) -> list[str]:
    """Slugs of what is found in a text."""
    (tmp_path / "log").write_text(text)
    return [finding.slug for finding in read_run(tmp_path / "log").findings]


def printed(losses: list[float], norms: list[float] | None = None) -> str:
    """Losses, with norms if there are any, as older transformers print them."""
    extra = [f", 'grad_norm': {norm}" for norm in norms] if norms else [""] * len(losses)
    return "".join(f"{{'loss': {loss}{rest}}}\n" for loss, rest in zip(losses, extra, strict=True))


def falling(begin: float, end: float, count: int = 40, scatter: float = 0.02, seed: int = 0) -> list[float]:
    """A loss that falls, with scatter. Of the reports only the ends are known: what is between is made up."""
    noise = random.Random(seed)
    between = [
        begin + (end - begin) * step / (count - 1) + noise.gauss(0, scatter) * begin for step in range(1, count - 1)
    ]
    return [begin, *between, end]


@pytest.mark.parametrize(("begin", "end"), [(2.2788, 1.8479), (1.8409, 0.7712), (2.3158, 1.4062)])
@pytest.mark.parametrize("with_norms", [True, False])
def test_reported_healthy_runs(tmp_path: Path, begin: float, end: float, with_norms: bool) -> None:  # noqa: FBT001
    """The reports' good runs, with and without norms."""
    losses = falling(begin, end)

    assert judge(tmp_path, printed(losses, [1.1] * len(losses) if with_norms else None)) == []


HEALTHY: dict[str, str] = {
    "a scaler's first steps": printed([2.1, 2.1, 2.0, 1.9], [math.inf, math.nan, 7.0, 0.9]),
    "a scaler's skip at the end": printed([2.1, 2.0, 1.9], [1.0, 1.0, math.inf]),
    "one loss that was NaN": printed([2.1, math.nan, 1.9], [1.0, 1.0, 1.0]),
    "one batch without labels": printed([2.1, 0.0, 1.9], [1.0, 0.0, 1.0]),
    "warm-up and cosine": "".join(
        f"step {step} loss {3 - step / 20} grad_norm 1.0 lr {math.sin(step * math.pi / 40)}\n" for step in range(41)
    ),
    "evaluations between": "step 1 loss 2.0\nstep 1 eval_loss 9.0\nstep 2 loss 1.9\n",
    "a policy's loss near zero": printed([0.0, 0.0001, 0.0, 0.0002] * 10, [0.4] * 40),
    "rounded, and norms alive": printed([2.0, 1.5, 1.2, *[0.9] * 8], [1.0] * 11),
    "creeping to its end": printed([round(0.1234 + math.exp(-step / 2), 4) for step in range(40)]),
    "a short log": printed([2.0, 2.0, 2.0]),
    "norms alone": "grad_norm 1.0\ngrad_norm 1.1\n",
    "4% in a noisy run": printed(falling(2.0, 1.92, 200, 0.1), [1.0] * 200),
    "trained out": printed([0.012, 0.011, 0.013] * 10, [0.1] * 30),
    "memorised to exactly nothing": printed(
        [1.0, 0.1, 0.01, 0.001, 0.0, 0.0, 0.0], [1.0, 0.1, 0.01, 0.001, 0.0, 0.0, 0.0]
    ),
}


@pytest.mark.parametrize("text", HEALTHY.values(), ids=HEALTHY.keys())
def test_healthy_log_has_no_finding(tmp_path: Path, text: str) -> None:
    """Each looks like a failure to a check that looks at one number."""
    assert judge(tmp_path, text) == []


FAULTY: dict[str, tuple[str, str, int, str]] = {
    "norms alone": ("grad_norm nan\n" * 3, "nan-grad-norm", 1, "nan-grad-norm"),
    "loss nan": (printed([2.0, math.nan, math.nan]), "nan-grad-norm", 2, "nan-grad-norm"),
    "loss nan, norms too": (printed([math.nan] * 3, [math.nan] * 3), "nan-grad-norm", 1, "nan-grad-norm"),
    "loss nan, norm zero": (printed([math.nan] * 4, [0.0] * 4), "zero-loss", 1, "labels-all-masked"),
    "a scaler that skips for ever": (printed([2.0] * 30, [math.inf] * 30), "nan-grad-norm", 1, "nan-grad-norm"),
    "0.01 with NaN norms": (printed([0.01] * 6, [math.nan] * 6), "nan-grad-norm", 1, "nan-grad-norm"),
    "0.01 without norms": (printed([0.01] * 6), "nan-masked", 1, "nan-masked"),
    "0.01 after 1.5": (printed([2.0, 1.7, 1.5, *[0.01] * 6]), "nan-masked", 4, "nan-masked"),
    "no gradient at all": (printed(falling(4.9, 4.9, 12), [0.0] * 12), "loss-not-decreasing", 1, "frozen-adapter"),
    "a slow rise": (printed([2.0 + step / 10 for step in range(40)]), "loss-diverging", 12, "loss-diverging"),
    "a plateau": (printed(falling(2.0, 2.0, 100, 0.01)), "loss-not-decreasing", 1, "optimizer-misses-adapter"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "slug", "step", "cause"), FAULTY.values(), ids=FAULTY.keys())
def test_fault_is_found_once(tmp_path: Path, text: str, slug: str, step: int, cause: str) -> None:
    """One root, where it began, and the likeliest cause."""
    (tmp_path / "log").write_text(text)
    finding = support.only_finding(read_run(tmp_path / "log"))
    causes = finding.evidence["causes"]

    assert (finding.slug, finding.step) == (slug, step)
    assert isinstance(causes, list)
    assert causes[0]["failure"] == cause
    assert f"Where: record {step}." in finding.message


def test_real_frozen_adapter_is_told_from_masked_nan(tmp_path: Path) -> None:
    """A real run without any gradient: the loss of each batch, norm 0.0, and the right first guess."""
    model = support.tiny_adapter()
    for weight in model.parameters():
        weight.requires_grad_(False)
    model.enable_input_require_grads()
    for path in trainers.run_trainer(tmp_path, model, trainers.class_rows(240)):
        finding = support.only_finding(read_run(path))

        assert finding.slug == "loss-not-decreasing"
        assert finding.evidence["causes"][0]["failure"] == "frozen-adapter"  # type: ignore[index] # a list of causes


def test_poison_is_found_in_events(tmp_path: Path) -> None:
    """The same finding from TensorBoard's events as from the state."""
    model = support.tiny_adapter()
    faults.put_nan_into(model, "base_model.model.model.layers.0.mlp.down_proj.lora_B.default.weight")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "run" / "runs"))
        trainers.run_trainer(tmp_path / "run", model, trainers.class_rows(80), max_steps=5, report_to="tensorboard")
    (tmp_path / "run" / "trainer_state.json").unlink()
    (tmp_path / "run" / "console.txt").unlink()
    report = read_run(tmp_path / "run")

    assert support.only_finding(report).slug == "nan-grad-norm"
    assert "TensorBoard events" in str(report.findings[0].evidence["read"])


def test_what_was_read_is_said(tmp_path: Path) -> None:
    """File, form, records, steps; and steps that go back after a resume."""
    (tmp_path / "log").write_text("step 1 loss 2.0\nstep 2 loss 1.9\nstep 2 loss 1.9\nstep 3 loss 1.8\n")
    report = read_run(tmp_path / "log")

    assert report.verdict() == "passed"
    noticed = report.outcomes[1].message
    assert "log (console output), 4 records, steps 1 to 3" in noticed
    assert "1 times a step is not above the one before it: the run was resumed" in noticed


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "does not exist; looked for"),
        (b"", "no record of a loss in log"),
        (b"hello world", "no record of a loss in log"),
        (b"\0\1\2", "is binary"),
        (b"{'eval_loss': 1.0}\n", "1 records of evaluation only in log"),
        (b'{"log_history": [{"loss": 1.', "ends in the middle of a record"),
    ],
    ids=["missing", "empty", "prose", "binary", "evaluation", "truncated"],
)
def test_what_cannot_be_judged_is_undecided(tmp_path: Path, content: bytes | None, reason: str) -> None:
    """Every outcome is skipped, with the reason; the status is 2."""
    if content is not None:
        (tmp_path / "log").write_bytes(content)
    report = read_run(tmp_path / "log")

    assert report.exit_status() == 2
    assert [outcome.slug for outcome in report.outcomes] == list(SLUGS)
    assert all(reason in outcome.reason for outcome in report.outcomes)


@given(st.binary(max_size=400))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_judged(tmp_path: Path, content: bytes) -> None:
    """Nothing in a file makes the check raise."""
    (tmp_path / "log").write_bytes(content)

    assert read_run(tmp_path / "log").verdict() in ("passed", "failed", "undecided")


@given(st.integers(0, 2000))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_cut_is_judged(tmp_path: Path, end: int) -> None:
    """A healthy log cut anywhere has no finding."""
    text = json.dumps({"log_history": [{"loss": loss, "step": step} for step, loss in enumerate(falling(2.0, 1.0))]})
    (tmp_path / "log").write_text(text[:end])

    assert read_run(tmp_path / "log").findings == []


@pytest.mark.no_cover
@given(st.integers(0, 10_000), st.integers(1, 300), st.floats(0.1, 20.0), st.sampled_from("jdc"))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
def test_healthy_series_have_no_finding(tmp_path: Path, seed: int, count: int, scale: float, form: str) -> None:
    """A loss that falls to half, scattering by factors, in any form and of any length."""
    noise = random.Random(seed)
    scatter = noise.uniform(0.0, 0.3)
    values = [
        scale * (0.5 + 0.5 * math.exp(-4 * step / count)) * math.exp(noise.gauss(0, scatter)) for step in range(count)
    ]
    values[0] = max(values[:3])
    rows = {
        "j": "".join(json.dumps({"step": step, "loss": value}) + "\n" for step, value in enumerate(values)),
        "d": printed([round(value, 4) for value in values], [noise.uniform(0.5, 5) for _ in values]),
        "c": "step,loss\n" + "".join(f"{step},{value}\n" for step, value in enumerate(values)),
    }

    assert judge(tmp_path, rows[form]) == []


def test_zero_in_the_middle_is_found(tmp_path: Path) -> None:
    """Forty records of 0.0 and 0.0, then a loss again: nothing was learnt from those."""
    lines = [f"step {step} loss {2 - step / 100} grad_norm 1.2" for step in range(1, 100)]
    lines[30:70] = [f"step {step} loss 0.0 grad_norm 0.0" for step in range(31, 71)]
    (tmp_path / "log.txt").write_text("\n".join(lines))
    finding = support.only_finding(read_run(tmp_path / "log.txt"))

    assert (finding.slug, finding.step) == ("zero-loss", 31)
    assert "loss 0.0 from there on (40 of 99 records)" in finding.message


def test_scaler_may_skip_where_the_log_ends(tmp_path: Path) -> None:
    """It has done so before, and it passed."""
    norms = ["inf", *["1.2"] * 20, "nan"]
    lines = [f"step {step} loss {2 - step / 30:.3f} grad_norm {norm}" for step, norm in enumerate(norms, start=1)]
    (tmp_path / "log.txt").write_text("\n".join(lines))

    assert read_run(tmp_path / "log.txt").findings == []


def test_rate_of_zero_in_a_short_log_is_found(tmp_path: Path) -> None:
    """Fourteen records at a learning rate of 0 need no statistics."""
    lines = [f"step {step} loss 2.{step % 7} grad_norm 1.2 learning_rate 0.0" for step in range(1, 15)]
    (tmp_path / "log.txt").write_text("\n".join(lines))
    finding = support.only_finding(read_run(tmp_path / "log.txt"))

    assert finding.slug == "loss-not-decreasing"
    assert finding.evidence["learning_rate_always_zero"] is True


@pytest.mark.parametrize(
    "text", ["| loss" + " " * 5000 + "| 2.0 |\n", "loss " + "7" * 300_000], ids=["blanks", "digits"]
)
def test_padding_is_no_obstacle(text: str, tmp_path: Path) -> None:
    """Tables are padded with blanks; a pattern that tries them in every way would never end."""
    (tmp_path / "log.txt").write_text(text)

    assert read_run(tmp_path / "log.txt").findings == []


def test_resume_that_jumps_is_found(tmp_path: Path) -> None:
    """A rate that drops into its warm-up again; without rates and with nothing taken twice, nothing can be said."""
    rates = [step / 10 if step < 10 else 1.5 - step / 20 for step in range(1, 21)]
    lines = [
        f"step {step} loss {3 - step / 20:.3f} lr {rate:.4f}\n" for step, rate in enumerate([*rates[:18], *rates], 1)
    ]
    text = "".join(lines)
    (tmp_path / "log").write_text(text)
    finding = support.only_finding(read_run(tmp_path / "log"))

    assert (finding.slug, finding.step) == ("resume-mismatch", 19)
    assert "What to do: what fits is resume-mismatch" in finding.message
    assert judge(tmp_path, text.replace("lr", "rate")) == []


def test_joined_logs_are_said_to_be_joined(tmp_path: Path) -> None:
    """The second run is not compared with the first."""
    (tmp_path / "log").write_text("".join(f"step {step} loss 2.0 lr 0.1\n" for step in (1, 2, 3, 4, 1, 2, 3)))
    outcomes = {outcome.slug: outcome for outcome in read_run(tmp_path / "log").outcomes}

    assert "another run begins in the log" in outcomes["resume-mismatch"].message
