"""Judge what a training run wrote down: did it learn, and if not, since when and most likely why?

    unsilent check run PATH...

A log says less than a guard sees: Trainer prints a NaN loss as 0.0, and a first NaN beside a loss that still looks
well. What can be told apart is told apart, what cannot is said, and every finding names the step at which it began.
One pass, constant memory.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from .outcome import Outcome, Report, failed, passed, skipped
from .reading import KEPT, NEAR_ZERO, Place, Reading, Span, kind_of
from .run_logs import LogUnusable, RunLog, find_log
from .symptoms import likely_causes
from .trends import LEAST_RECORDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .log_text import LogRecord

SLUGS = (
    "nan-grad-norm", "zero-loss", "nan-masked", "gradient-explosion", "loss-diverging", "loss-not-decreasing",
    "resume-mismatch",
)  # fmt: skip

SCALER_SKIPS = 20  # a scaler begins at 65536 = 2**16 and halves at each skipped step; a few more are not unheard of
ZEROS = 3  # records in a row; a batch whose rows are all masked, or a rounded loss, may show one
REPEATED = 5  # equal losses in a row; batches of different rows agree in four digits by chance once in thousands
DIGITS = 4  # that a repeated loss must have, unless it is a leap: 0.02, 0.02, 0.02 is what rounding makes
LEAP = 0.2  # of the larger: from the last loss that differed to the one that is repeated
CREEP = 0.005  # of the last loss that differed: a smooth series that comes to rest in its last printed digit
RARE = 1e-3  # of the records; a million norms between 0 and 1, printed with four digits, had 50 of 0.0
ROUND_DIGITS = 2  # 0.01 and 1.0 are somebody's constants, 4.9701 is not
SMALL = 0.1  # without norms, a round constant from the start is called a mask only if it pretends to be a good fit

NO_MASK = "does not require grad"  # sign of a run without any gradient; a masked loss has lived, or is too round

CONSEQUENCES: Mapping[str, str] = {
    "nan-grad-norm": "the weights are NaN from that step on; nothing after it is a model",
    "zero-loss": "nothing is learnt from such steps",
    "nan-masked": "what looks like a number stands where NaN was",
    "gradient-explosion": "the steps destroy what the base knew",
    "loss-diverging": "the steps destroy what the base knew",
    "loss-not-decreasing": "the run taught it nothing",
    "resume-mismatch": "what goes on is not the run that stopped",
}


def read_run(path: Path | str, *, each: Callable[[LogRecord], None] | None = None) -> Report:
    """Judge what a run wrote: ``trainer_state.json``, a checkpoint, an output folder, TensorBoard events, or any log.

    Nothing in the files makes this raise: what cannot be read is undecided, with the reason.

    Args:
        path: A file or a folder.
        each: Is given every record as it is read: a log may be too long to be read twice.

    Returns:
        One outcome for each failure that a log can show.
    """
    subject = str(path)
    reading = Reading()
    try:
        log = find_log(Path(path))
        for record in log:
            reading.add(record)
            if each:
                each(record)
    except (LogUnusable, OSError, UnicodeError, ValueError) as error:
        return _undecided(subject, str(error))
    if reading.count == 0:
        what = f"{reading.evaluations} records of evaluation only" if reading.evaluations else "no record of a loss"
        return _undecided(subject, "; ".join([f"{what} in {_name(log, subject)}", *log.notes]))
    checks = (_nan_grad_norm, _zero_loss, _nan_masked, _explosion, _divergence, _not_decreasing, _resume)
    outcomes = [check(reading) for check in checks]
    said = _what_was_read(log, reading)
    first = next((index for index, outcome in enumerate(outcomes) if outcome.status == "passed"), None)
    if first is not None:
        message = "; ".join(part for part in (said, outcomes[first].message) if part)
        outcomes[first] = passed(outcomes[first].slug, "runs", message)
    return Report(subject, tuple(_with_reading(outcome, said) for outcome in outcomes))


def _undecided(subject: str, reason: str) -> Report:
    return Report(subject, tuple(skipped(slug, "runs", reason) for slug in SLUGS))


def _name(log: RunLog, subject: str) -> str:
    return ", ".join(file.name for file in log.files) or subject


def _what_was_read(log: RunLog, reading: Reading) -> str:
    """File, form, records and steps; and what was odd about them."""
    what = "records" if reading.without_step == reading.count else "steps"
    parts = [
        f"{_name(log, '')} ({log.form}), {reading.count} records, {what} {reading.first} to {reading.last}",
        *log.notes,
    ]
    if reading.without_step:
        parts.append(f"{reading.without_step} records without a step are counted from 1")
    if reading.not_forward:
        parts.append(
            f"{reading.not_forward} times a step is not above the one before it: the run was resumed, or logs were "
            "joined; taken in the file's order"
        )
    return "; ".join(parts)


def _with_reading(outcome: Outcome, said: str) -> Outcome:
    if outcome.status != "failed":
        return outcome
    return failed(outcome.slug, "runs", outcome.message, {**outcome.evidence, "read": said}, step=outcome.step)


def _finding(slug: str, got: str, at: Place, evidence: Mapping[str, object], signs: str) -> Outcome:
    """A failed outcome with the causes that fit the signs, the likeliest first."""
    causes = [
        cause
        for cause in likely_causes(signs)
        if slug not in cause.failure.symptom_of and (slug != "nan-masked" or NO_MASK not in cause.failure.signs)
    ]
    fits = ", ".join(f"{cause.failure.slug} ({cause.weight:.0%})" for cause in causes[:3])
    expected = {
        "nan-grad-norm": "a finite grad_norm and loss",
        "zero-loss": "a loss above 0",
        "nan-masked": "losses and norms as the batches make them",
        "gradient-explosion": "a grad_norm of the order it began with",
        "loss-diverging": "a loss below its start",
        "loss-not-decreasing": "a loss that falls",
        "resume-mismatch": "a run that goes on where it stopped",
    }[slug]
    message = (
        f"Expected {expected}, but got {got}: {CONSEQUENCES[slug]}. Where: {at.name} {at.number}. "
        f"What to do: what fits is {fits}; unsilent explain {causes[0].failure.slug}."
    )
    listed = [{"failure": cause.failure.slug, "weight": round(cause.weight, 3)} for cause in causes]
    return failed(slug, "runs", message, {**evidence, "causes": listed}, step=at.number)


def _numbers(records: list[LogRecord]) -> list[dict[str, float | int]]:
    """Records as plain values."""
    names = ("step", "loss", "grad_norm", "learning_rate")
    return [
        {name: value for name in names if (value := getattr(record, name)) is not None} for record in records[-KEPT:]
    ]


def _around(span: Span, reading: Reading) -> dict[str, object]:
    return {
        "before": _numbers(span.before),
        "at": _numbers(span.records),
        "records_so": span.total,
        "records": reading.count,
    }


def _nan_grad_norm(reading: Reading) -> Outcome:
    """NaN that stays. A scaler's skipped steps pass: later norms are finite, and the loss is not 0."""
    slug: Literal["nan-grad-norm"] = "nan-grad-norm"
    norms, losses = reading.bad_norms, reading.bad_losses
    if reading.always("grad_norm", "absent") and not losses.total:
        return skipped(slug, "runs", "no grad_norm in the log")
    # a scaler that has skipped before may be about to, where the log ends
    skips_again = norms.count == 1 < norms.total and not losses.total and not reading.no_loss.total
    stays = norms.count and not skips_again and (reading.nan_norms.count or norms.count > SCALER_SKIPS)
    if stays or (norms.count and losses.count):
        got = f"{norms.records[0].grad_norm} from there to the end ({norms.count} of {reading.count} records)"
        if reading.no_loss.count:
            got += ", with a loss of 0.0, which is how Trainer prints NaN"
        signs = f"grad_norm nan {_loss_sign(reading)}"
        return _finding(slug, f"grad_norm {got}", reading.at(norms.step), _around(norms, reading), signs)
    if losses.count and not norms.count and not reading.number("grad_norm", "zero"):
        got = f"loss {losses.records[0].loss} from there to the end ({losses.count} of {reading.count} records)"
        return _finding(slug, got, reading.at(losses.step), _around(losses, reading), "loss nan")
    if norms.total or losses.total:
        at_end = ", the last of them at the end of the log" if norms.count else ", and passed"
        return passed(slug, "runs", f"{norms.total} norms and {losses.total} losses were not finite{at_end}")
    return passed(slug, "runs")


def _loss_sign(reading: Reading) -> str:
    return "loss 0.0" if reading.no_loss.total else "loss nan" if reading.bad_losses.total else ""


def _zero_loss(reading: Reading) -> Outcome:
    """0.0 again and again, beside a norm that says that nothing was learnt."""
    span = reading.no_loss
    if span.longest and span.longest.count > max(span.count, ZEROS):
        span = span.longest  # and then it went on, as after a restart from before
    if reading.always("loss", "absent"):
        return skipped("zero-loss", "runs", "no loss in the log")
    no_label = reading.bad_losses.count >= ZEROS and reading.always("grad_norm", "zero")
    if no_label:
        got, signs = "loss nan with grad_norm exactly 0.0", "loss nan grad_norm 0.0 labels masked"
        evidence = _around(reading.bad_losses, reading) | {"likely": "no label to learn from"}
        return _finding("zero-loss", got, reading.at(reading.bad_losses.step), evidence, signs)
    norms = {kind_of(record.grad_norm) for record in span.records} - {"absent"}
    is_nan = "nan" in norms
    enough = span.count >= ZEROS or span.count == reading.count or (is_nan and span.count)
    was_near = reading.last_alive is not None and abs(reading.last_alive) <= NEAR_ZERO
    if not enough or (was_near and not is_nan):
        noticed = f"loss 0.0 in {span.total} records, after {reading.last_alive}" if span.count else ""
        return passed("zero-loss", "runs", noticed)
    likely, signs = "NaN printed as 0.0, or no label: the log has no grad_norm to tell them apart", "loss 0.0"
    if is_nan:
        likely, signs = "NaN, printed as 0.0 (logging_nan_inf_filter)", "loss 0.0 grad_norm nan"
    elif "zero" in norms:
        likely, signs = (
            "every label masked; a log cannot tell a loss of zero from NaN",
            "loss 0.0 grad_norm 0.0 labels masked",
        )
    till = "to the end" if span is reading.no_loss else "on"
    got = f"loss 0.0 from there {till} ({span.count} of {reading.count} records): {likely}"
    return _finding("zero-loss", got, reading.at(span.step), _around(span, reading) | {"likely": likely}, signs)


def _nan_masked(reading: Reading) -> Outcome:
    """A number where NaN was: a loss that is one constant, or norms of exactly 0.0 between others."""
    slug: Literal["nan-masked"] = "nan-masked"
    if reading.always("loss", "absent"):
        return skipped(slug, "runs", "no loss in the log")
    if _has_died(reading):
        return passed(slug, "runs", "no gradient passes, after norms that have leapt: saturated units, no mask")
    span = reading.repeated
    if span.count >= REPEATED and _is_mask(reading):
        value = span.records[0].loss
        got = f"loss exactly {value:.6g} in each of the last {span.count} records"
        signs = f"loss {value} " * 3 + "grad_norm 0.0"
        return _finding(slug, got, reading.at(span.step), _around(span, reading), signs)
    dead = reading.dead_norms
    often = dead.total >= RARE * reading.count  # in a long log four digits round a few norms to 0.0
    if dead.total and often and not reading.always("grad_norm", "zero") and reading.last_norm:
        got = f"grad_norm exactly 0.0 in {dead.total} of {reading.count} records, beside a loss that is not 0"
        return _finding(slug, got, reading.at(dead.step), _around(dead, reading), "loss flat grad_norm 0.0")
    return passed(slug, "runs")


def _has_died(reading: Reading) -> bool:
    """Whether the norm leapt and then nothing passed, with a loss far above its start: the steps were too large."""
    is_dead = bool(reading.dead_norms.total) and reading.recent[-1].grad_norm == 0
    return is_dead and reading.explosion.has_leapt and reading.divergence.risen


def _is_mask(reading: Reading) -> bool:
    """Whether the loss that is repeated at the end is somebody's constant."""
    value = reading.repeated.records[0].loss or 0.0
    if reading.live_norm_while_repeated:
        return False
    # six digits: as a float32 that a state keeps in full, 0.01 is 0.009999999776482582
    digits = len(f"{abs(value):.6g}".replace(".", "").lstrip("0").rstrip("0"))
    if reading.repeated.count == reading.number("loss", "alive"):
        has_norms = not reading.always("grad_norm", "absent")
        return digits <= ROUND_DIGITS and (has_norms or value <= SMALL)
    before = reading.last_other or 0.0
    leapt = abs(before - value) > LEAP * max(abs(before), abs(value))
    crept = abs(before - value) < CREEP * abs(before)
    return (digits >= DIGITS and not crept) or (leapt and before > NEAR_ZERO)


def _explosion(reading: Reading) -> Outcome:
    if not reading.number("grad_norm", "zero", "alive"):
        return skipped("gradient-explosion", "runs", "no finite grad_norm in the log")
    found, signs = reading.explosion, "grad_norm growing, exploding gradient"
    has_died = _has_died(reading)
    if not found.exploded and not has_died:
        return passed("gradient-explosion", "runs")
    evidence = {**found.evidence(), "records": reading.count}
    got = f"growth from {evidence['start']:.3g} to {evidence['highest']:.3g}"
    got += ", and from then on exactly 0.0: nothing passes any more" if has_died else ""
    return _finding("gradient-explosion", got, reading.at(found.began or 0), evidence, signs)


def _divergence(reading: Reading) -> Outcome:
    if not reading.number("loss", "alive"):
        return skipped("loss-diverging", "runs", "no finite loss above 0 in the log")
    found, signs = reading.divergence, "loss rising, loss is rising, diverging"
    if not found.risen:
        return passed("loss-diverging", "runs")
    evidence = {**found.evidence(), "records": reading.count}
    got = f"a rise from {evidence['start']} to {evidence['level'] or evidence['highest']} that stays"
    return _finding("loss-diverging", got, reading.at(found.began or 0), evidence, signs)


def _not_decreasing(reading: Reading) -> Outcome:
    slug: Literal["loss-not-decreasing"] = "loss-not-decreasing"
    alive = reading.number("loss", "alive")
    if not alive:
        return skipped(slug, "runs", "no finite loss above 0 in the log")
    no_gradient = reading.always("grad_norm", "zero") and alive >= REPEATED
    no_rate = reading.rates.get("zero", 0) == reading.count and alive >= REPEATED
    if not (no_gradient or no_rate or reading.flatness.is_flat):
        if alive < LEAST_RECORDS:
            few = f"{alive} records of a loss; {LEAST_RECORDS} are needed to say that it is flat"
            return skipped(slug, "runs", few)
        return passed(slug, "runs")
    signs = ["the loss is flat"]
    if no_gradient:
        signs.append("grad_norm 0.0 grad_norm 0.0 grad_norm 0.0")
    elif reading.number("grad_norm", "alive"):
        signs.append("grad_norm 1.0")
    if no_rate:
        signs.append("learning_rate 0.0")
    evidence = {
        **reading.flatness.evidence(),
        "first": _numbers(reading.opening),
        "last": _numbers(list(reading.recent)),
        "grad_norm_always_zero": no_gradient,
        "learning_rate_always_zero": no_rate,
    }
    got = f"{evidence['line_begins']} at the start and {evidence['line_ends']} at the end of {alive} records"
    got += ", grad_norm exactly 0.0 in each" * no_gradient + ", learning_rate 0 in each" * no_rate
    return _finding(slug, got, reading.at(reading.first), evidence, ", ".join(signs))


def _resume(reading: Reading) -> Outcome:
    """A learning rate that begins anew, or steps that were taken twice and differ."""
    slug: Literal["resume-mismatch"] = "resume-mismatch"
    resumes = reading.resumes
    if resumes.found:
        return _finding(slug, resumes.found, reading.at(resumes.step), resumes.evidence, "resumed, warm-up again")
    if not resumes.rates and not resumes.back:
        return skipped(slug, "runs", "no steps with a learning rate in the log, and none that was taken twice")
    joined = "another run begins in the log; nothing after it was compared" if resumes.is_joined else ""
    return passed(slug, "runs", "; ".join(said for said in (resumes.noticed, joined) if said))
