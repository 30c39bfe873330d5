"""Parts of models are found, and models that ran are named."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import support
import torch

from unsilent.model_parts import ending_tokens, is_compiled, length_of, other_models, parts_of, text_of, tokens_in

IDS = torch.arange(3, 9)[None]


def test_models_that_ran_are_named() -> None:
    """The outermost ones, without those that belong to the model that should have run."""
    model, other = support.tiny_model(), support.tiny_model(seed=1)

    def call() -> None:
        model(IDS)
        other(IDS)
        torch.nn.ReLU()(torch.ones(1))

    assert other_models(call) == ["LlamaForCausalLM (26,880 parameters)"] * 2
    assert other_models(call, model) == ["LlamaForCausalLM (26,880 parameters)"]
    assert other_models(lambda: model.model(IDS), model) == []


def test_no_hook_is_left_after_an_exception() -> None:
    """The error is the caller's business."""
    ran: list[str] = []

    with pytest.raises(ZeroDivisionError):
        other_models(lambda: ran.append(str(1 / 0)))
    assert other_models(lambda: None) == []


@pytest.mark.parametrize("adapted", [False, True])
def test_parts_are_found_behind_an_adapter(*, adapted: bool) -> None:
    """The decoder that every wrapper calls, the embedding and the projection."""
    model: Any = support.tiny_adapter() if adapted else support.tiny_model()
    base = model.get_base_model() if adapted else model

    assert parts_of(model) == (base.model, None, base.model.embed_tokens, base.lm_head)


def test_model_without_methods_is_its_own_decoder() -> None:
    """Somebody's own, whose method of that name gives something else."""
    model = torch.nn.Linear(1, 1)
    model.get_input_embeddings = lambda: 3  # type: ignore[assignment] # somebody's own

    assert parts_of(model) == (model, None, None, None)


def test_tokens_are_the_first_whole_numbers() -> None:
    """As a batch; a copy."""
    found = tokens_in((None, torch.ones(2, 2), IDS[0], torch.ones(1, 2, dtype=torch.long)))

    assert found is not None
    assert torch.equal(found, IDS)
    assert found.data_ptr() != IDS.data_ptr()
    assert tokens_in(()) is None


def test_cache_says_how_much_it_holds() -> None:
    """Also a tuple of keys and values; what is no cache says nothing."""
    assert length_of(None) == 0
    assert length_of(((torch.ones(1, 2, 5, 4),),)) == 5
    assert length_of(object()) is None


def test_tokens_that_end_are_collected() -> None:
    """From tokenizer and model, single or listed."""
    model = SimpleNamespace(generation_config=SimpleNamespace(eos_token_id=[7, 8], pad_token_id=None))

    assert ending_tokens(model, support.tiny_tokenizer()) == {2, 7, 8}


def test_text_comes_from_the_core_of_the_tokenizer() -> None:
    """A replaced method is not asked; a tokenizer without a core, or within a processor, is."""
    tokenizer = support.tiny_tokenizer()
    ids = [-100, *tokenizer("9 km")["input_ids"], 2]
    tokenizer.decode = lambda *_, **__: "looked up"

    class Plain:
        """A tokenizer in Python."""

        def decode(self, ids: list[int], *, skip_special_tokens: bool) -> str:
            """The numbers."""
            return f"{ids} {skip_special_tokens}"

    assert text_of(tokenizer)(ids) == "9 km"
    assert text_of(SimpleNamespace(tokenizer=tokenizer))(ids) == "9 km"
    assert text_of(Plain())([1]) == "[1] True"


def test_compiled_modules_are_known() -> None:
    """By each of the ways of compiling."""
    plain, compiled = support.tiny_model(), support.tiny_model()
    compiled.forward = torch.compile(compiled.forward, backend="eager")

    assert not is_compiled(plain)
    assert is_compiled(compiled)
    assert is_compiled(torch.compile(plain, backend="eager"))
