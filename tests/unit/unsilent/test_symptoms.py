"""A symptom, typed or pasted, leads to its likely causes in order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsilent.failures import FAILURES
from unsilent.symptoms import likely_causes, observe, read_series

# How the reports and today's libraries print it.
BARE = "{'loss': 0.0, 'grad_norm': nan, 'learning_rate': 0.0002, 'epoch': 0.1}\n" * 3
QUOTED = """  5%|##        | 5/100 [00:01<00:20,  4.61it/s]
{'loss': '4.955', 'grad_norm': 'nan', 'learning_rate': '0.0002', 'epoch': '0.1'}
{'loss': '0', 'grad_norm': 'nan', 'learning_rate': '0.0002', 'epoch': '0.2'}"""
FROZEN = "\n".join("{'loss': '4.9701', 'grad_norm': '0', 'learning_rate': '0.0002'}" for _ in range(4))


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("loss 0.0 grad_norm nan", "nan-grad-norm"),
        ("loss: 0.0, grad norm is NaN", "nan-grad-norm"),
        (BARE, "nan-grad-norm"),
        (QUOTED, "nan-grad-norm"),
        ("loss 0.0 grad_norm 0.0", "labels-all-masked"),
        ("my loss went to nan and grad norm becomes nan", "nan-grad-norm"),
        ("loss=tensor(nan)", "nan-grad-norm"),
        ("gradients are nan", "nan-grad-norm"),
        ("zero loss every step, and the gradients are all zero", "labels-all-masked"),
        ("the loss stays at .0 and grad_norm is nan", "nan-grad-norm"),
        (FROZEN, "frozen-adapter"),
        ("RuntimeError: element 0 of tensors does not require grad and does not have a grad_fn", "frozen-adapter"),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB", "micro-batch-too-large"),
        ("ValueError: cannot convert float NaN to integer", "nan-score"),
        ("accuracy 1.0", "answer-lookup"),
        ("the accuracy is 0.31, below the bound of 0.4", "score-below-bound"),
        ("the learning rate is 0", "lr-zero"),
        ("loss 2.1 loss 3.5 loss 8.0", "loss-diverging"),
        ("grad_norm 1.0 grad_norm 30 grad_norm 5000", "gradient-explosion"),
        ("batched answers differ from single ones", "padding-side"),
        ("generation does not stop", "eos-never-learnt"),
        ("every lora_B is zero", "adapter-untrained"),
        ("the adapter is missing", "adapter-format"),
        ("it was saved to homework/homework/sft_output", "nested-output-dir"),
        ("one rank hangs", "ranks-disagree"),
        ("`torch_dtype` is deprecated", "deprecated-dtype-argument"),
    ],
)
def test_likeliest_cause_comes_first(text: str, slug: str) -> None:
    """Each documented symptom leads to the failure that the reports found behind it."""
    assert likely_causes(text)[0].failure.slug == slug


def test_series_are_read_in_order() -> None:
    """Bare and quoted numbers, nan, inf, exponents and comma decimals."""
    text = "loss=1e-3 'loss': '2.5', loss: inf loss nan loss 0,5 grad_norm 3 eval_loss 9 learning_rate 2e-4"
    series = read_series(text)

    assert repr(series) == ("{'loss': [0.001, 2.5, inf, nan, 0.5], 'grad_norm': [3.0], 'lr': [0.0002]}")


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("loss 2.2788 loss 2.10 loss 1.8479", None),
        ("loss 1.84 grad_norm 7.0 loss 1.2 grad_norm 0.9 loss 0.77 grad_norm 1.1", None),
        ("loss 4.97 loss 4.97 loss 4.97", "loss flat"),
        ("loss 4.97 loss 4.97", None),
        ("loss 0 loss 0 loss 0", "loss zero"),
        ("loss 2 loss nan loss 9", "loss nan"),
        ("learning_rate 0.0 learning_rate 2e-4 learning_rate 0", None),
        ("learning_rate 0.0 learning_rate 0", "lr zero"),
    ],
)
def test_trends_are_judged(text: str, sign: str | None) -> None:
    """A healthy log shows no sign; two equal losses are no trend yet."""
    seen = {found for found in observe(text) if found.startswith(("loss", "grad", "lr"))}

    assert seen == ({sign} if sign else set())


def test_nothing_recognised_is_said() -> None:
    """Without a sign there is no guess."""
    assert likely_causes("good morning") == []


@pytest.mark.parametrize(
    "text",
    [
        "100%|##########| 100/100 [00:20<00:00, 4.61it/s] {'loss': '1.9', 'grad_norm': '1.1'}",
        "{'loss': 0.05} {'loss': 0.04} {'loss': 0.03} {'train_runtime': 9.1, 'train_loss': 0.9}",
        "accuracy 0.770 (95% interval 0.678-0.842), answer rate 1.000 (95% interval 0.963-1.000) on 100 rows",
        "grad_norm inf loss 2.0 grad_norm 3.1 loss 1.9 grad_norm 2.0 loss 1.7",
    ],
    ids=["progress bar", "mean loss of the run", "our own summary", "a step the scaler skipped"],
)
def test_healthy_logs_accuse_nothing(text: str) -> None:
    """What a good run prints leads to no cause at all."""
    assert likely_causes(text) == []


@pytest.mark.parametrize("slug", FAILURES)
def test_own_symptom_leads_home(slug: str) -> None:
    """A row's name and symptom, pasted, list the row."""
    found = likely_causes(f"{slug}: {FAILURES[slug].symptom} {FAILURES[slug].cause}", limit=len(FAILURES))

    assert slug in [cause.failure.slug for cause in found]


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    """Any text gives causes whose weights add up to at most one, never an exception."""
    causes = likely_causes(text)

    assert sum(cause.weight for cause in causes) <= 1.0 + 1e-9
    assert [cause.weight for cause in causes] == sorted((cause.weight for cause in causes), reverse=True)
