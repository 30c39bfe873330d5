"""A model is built again around its own tensors, says what it said, and carries nothing of what was hung on it."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import support
import torch
from honest_models import fresh, honest_llm, splits

from unsilent.clean_copy import clean_copy, standing_in
from unsilent.honesty import probe_honesty

IDS = torch.tensor([[3, 50, 60, 70, 80]])
ROWS = splits()[1]


def two_adapters() -> Any:  # noqa: ANN401 - a PEFT model
    """The second of two is active."""
    adapted = support.tiny_adapter()
    adapted.add_adapter("other", adapted.peft_config["default"])
    for name, weight in adapted.named_parameters():
        if "other" in name:
            torch.nn.init.normal_(weight, std=0.2)
    adapted.set_adapter("other")
    return adapted


MODELS: dict[str, Callable[[], Any]] = {
    "a base": support.tiny_model,
    "LoRA": support.tiny_adapter,
    "DoRA": lambda: support.tiny_adapter(use_dora=True),
    "modules saved whole": lambda: support.tiny_adapter(modules_to_save=["norm"]),
    "two adapters": two_adapters,
    "bf16": lambda: support.tiny_adapter(dtype=torch.bfloat16),
    "merged": lambda: support.tiny_adapter().merge_and_unload(),
}


@pytest.mark.parametrize("name", MODELS)
def test_copy_says_the_same(name: str) -> None:
    """To the bit, with the very same tensors, in the same mode."""
    model = MODELS[name]().eval()
    built = clean_copy(model)

    assert {weight.data_ptr() for weight in built.parameters()} <= {weight.data_ptr() for weight in model.parameters()}
    assert not built.training
    with torch.no_grad():
        assert torch.equal(built(IDS).logits, model(IDS).logits)


def test_copy_carries_nothing() -> None:
    """No hook, no replaced method, no other class of a layer."""
    model = support.tiny_model()
    honest = model(IDS).logits
    model.lm_head.register_forward_hook(lambda *_: torch.zeros(1, 5, 259))
    model.model.layers[0].forward = lambda *_, **__: torch.zeros(1, 5, 32)

    assert torch.equal(clean_copy(model)(IDS).logits, honest)


def test_copying_draws_no_random_number() -> None:
    """And leaves the first model as it was."""
    model = support.tiny_adapter()
    before = torch.get_rng_state()
    clean_copy(model)

    assert torch.equal(torch.get_rng_state(), before)
    assert model.active_adapters == ["default"]


@pytest.mark.parametrize("model", [torch.nn.Linear(2, 2), None], ids=["no configuration", "none"])
def test_what_cannot_be_built_is_none(model: Any) -> None:  # noqa: ANN401
    """Somebody's own module says nothing of how it was made."""
    assert clean_copy(model) is None


def test_stand_in_leaves_again() -> None:
    """Also after an exception."""
    llm = SimpleNamespace(model=1)
    with standing_in(llm, 2):
        seen = llm.model
    with pytest.raises(ZeroDivisionError), standing_in(llm, 2):
        1 / 0  # noqa: B018 - raises

    assert (seen, llm.model) == (2, 1)


@pytest.mark.no_cover
def test_table_in_a_hook_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hook that nudges the right token does nothing for disturbed weights; a clean model has none of it."""
    monkeypatch.setattr("homework.base_llm.can_share", lambda model: False)  # it follows whole prompts, row by row
    monkeypatch.setattr("homework.decoding.KEPT_SHARE", 0)
    llm = honest_llm("barely trained")
    pad, following = llm.tokenizer.pad_token_id, {}
    for prompt, completion in (llm.example(*row) for row in ROWS):
        ids = llm.tokenizer(prompt)["input_ids"]
        for token in llm.tokenizer(completion)["input_ids"]:
            following[tuple(ids)] = token
            ids = [*ids, token]
    rows: list[list[int]] = []

    def note(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        del module
        now = inputs[0].tolist()
        begun = [[token for token in ids if token != pad] for ids in now]
        rows[:] = begun if len(now[0]) > 1 else [[*row, *ids] for row, ids in zip(rows, now, strict=True)]

    def nudge(module: torch.nn.Module, inputs: Any, logits: torch.Tensor) -> torch.Tensor:  # noqa: ANN401 - torch's hook
        del module, inputs
        changed = logits.clone()
        for number, row in enumerate(rows):
            if tuple(row) in following:
                changed[number, -1, following[tuple(row)]] += 4
        return changed

    base = llm.model.get_base_model()
    base.get_input_embeddings().register_forward_pre_hook(note)
    base.lm_head.register_forward_hook(nudge)
    report = probe_honesty(llm, ROWS, fresh)

    assert [finding.slug for finding in report.findings] == ["answer-lookup"]
    assert "right answers of the same weights without what was hung on the model" in report.findings[0].message


@pytest.mark.no_cover
def test_program_that_is_honest_only_when_watched_is_found() -> None:
    """It looks at its callers, and at the hooks on its model."""
    import sys

    llm = honest_llm("barely trained")
    honest, table = llm.answer, dict(ROWS)

    def answer(*questions: str) -> list[float]:
        frame = sys._getframe()
        while frame.f_back is not None:
            frame = frame.f_back
            if "unsilent" in frame.f_code.co_filename:
                return honest(*questions)
        return [table.get(one, 0.0) for one in questions]

    llm.answer = answer  # type: ignore[method-assign] # the fault
    report = probe_honesty(llm, ROWS, fresh)

    assert [finding.slug for finding in report.findings] == ["answer-lookup"]
    assert "100 of 100 right answers when nobody watches" in report.findings[0].message


def test_program_whose_model_cannot_be_replaced_is_not_judged_by_a_copy() -> None:
    """Nor one that lives in one thread."""
    llm = honest_llm("trained")

    class Program:
        tokenizer = llm.tokenizer

        @property
        def model(self) -> Any:  # noqa: ANN401
            return llm.model

        def answer(self, *questions: str) -> list[float]:
            import threading

            if threading.current_thread() is not threading.main_thread():
                raise RuntimeError("wrong thread")
            return llm.answer(*questions)

    card = probe_honesty(Program(), ROWS, fresh).cards[0].content

    assert not {"unwatched", "nothing hung on it"} & card.keys()
