"""Everything before the first step is asked together, of whatever could be had of a run."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import support
import torch
import trainers
from transformers import default_data_collator

from unsilent.adapted import untouched
from unsilent.wiring import Run, check_wiring


def test_bare_model_is_judged_as_far_as_it_goes() -> None:
    """Without rows, optimizer or arguments the rest is skipped, each with a reason."""
    outcomes = {outcome.slug: outcome for outcome in check_wiring(Run(trainers.fresh_adapter()))}

    assert outcomes["frozen-adapter"].status == "passed"
    assert outcomes["optimizer-misses-adapter"].reason == "no optimizer was given"
    assert outcomes["labels-all-masked"].reason == "no data set with a collator could be seen"
    assert outcomes["micro-batch-too-large"].reason == "the batch plan or its rows could not be seen"


def test_other_kinds_of_models_keep_their_labels() -> None:
    """Labels of a classifier are no tokens."""

    class BertForTokenClassification(torch.nn.Linear):
        """A name is enough."""

    outcomes = check_wiring(Run(BertForTokenClassification(1, 1), dataset=[{"labels": [-100]}] * 4, collate=dict))

    assert {outcome.reason for outcome in outcomes if outcome.slug in {"labels-all-masked", "eos-never-learnt"}} == {
        "not a causal language model: its labels mean something else"
    }


def test_loss_of_ones_own_may_want_shifted_labels() -> None:
    """Then the pattern alone proves nothing."""
    rows = [
        {"input_ids": list(range(seed, seed + 9)), "labels": [*range(seed + 1, seed + 9), -100]}
        for seed in range(3, 20)
    ]
    collate = default_data_collator
    status = [
        next(one.status for one in check_wiring(run) if one.slug == "labels-preshifted")
        for run in (Run(support.tiny_model(), dataset=rows, collate=collate, has_own_loss=own) for own in (False, True))
    ]

    assert status == ["failed", "skipped"]


def test_every_failure_is_answered_once() -> None:
    """No slug twice, none forgotten."""
    slugs = [outcome.slug for outcome in check_wiring(Run(support.tiny_model()))]

    assert len(slugs) == len(set(slugs)) == 14


@pytest.mark.parametrize(
    ("own", "others", "masked"), [(2, 7, True), (2, [2, 7], True), (None, 7, False)], ids=["int", "list", "unknown"]
)
def test_turn_ends_of_a_chat_model_count(own: int | None, others: object, masked: bool) -> None:  # noqa: FBT001
    """A model may end its turns with another token than its tokenizer's."""
    model = support.tiny_model()
    model.generation_config.eos_token_id = others
    rows = [
        {"input_ids": [5, 6, 7 + number, 8, 7], "labels": [-100, 6, 7 + number, 8, -100]} for number in range(10, 20)
    ]
    run = Run(
        model,
        dataset=rows,
        collate=lambda batch: {name: torch.tensor([row[name] for row in batch]) for name in batch[0]},
        tokenizer=SimpleNamespace(eos_token_id=own, bos_token_id=None),
    )
    outcome = next(outcome for outcome in check_wiring(run) if outcome.slug == "eos-never-learnt")

    assert (outcome.status == "failed") is masked


def test_looking_leaves_no_trace() -> None:
    """Gradients, weights and random state are what they were."""
    model = trainers.fresh_adapter(lora_dropout=0.5).train()
    rows = trainers.counting_rows(8)
    state = torch.get_rng_state()
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    with untouched(model):
        pass
    check_wiring(Run(model, dataset=rows, collate=lambda batch: {"input_ids": torch.tensor([batch[0]["input_ids"]])}))

    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
    assert all(weight.grad is None for weight in model.parameters())
