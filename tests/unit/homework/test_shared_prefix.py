"""What prompts have in common is found, and a model that shares it is otherwise the model it was."""

from __future__ import annotations

from typing import Any

import pytest
import support
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import LlamaConfig, LlamaForCausalLM

from homework.decoding import left_pad
from homework.shared_prefix import SHARING, attend, can_share, common_prefix, let_share


@given(lists=st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=9), min_size=2, max_size=5))
def test_common_prefix_is_the_longest(lists: list[list[int]]) -> None:
    """But for two tokens that each list keeps."""
    length = common_prefix(lists)
    longest = min(map(len, lists)) - 2

    assert all(tokens[:length] == lists[0][:length] for tokens in lists)
    assert length == max(0, longest) or (len({tokens[length] for tokens in lists}) > 1 and length < longest)
    assert common_prefix(lists[:1]) == 0


@pytest.mark.parametrize("kernel", SHARING)
def test_training_stays_what_it_was(kernel: str) -> None:
    """Loss and gradients are the same, bit by bit, with padding and without."""
    ids, mask = left_pad([[5, 6, 7, 8], [9, 10, 11, 12, 13, 14]], 2)

    def trained(*, shares: bool) -> list[torch.Tensor]:
        model = support.tiny_model()
        model.set_attn_implementation(kernel)
        if shares:
            let_share(model)
        losses = [model(ids, attention_mask=given, labels=ids).loss for given in (mask, None)]
        sum(losses).backward()
        return [*losses, *(weight.grad for weight in model.parameters())]

    assert all(map(torch.equal, trained(shares=True), trained(shares=False)))


def enabled(**options: Any) -> bool:  # noqa: ANN401 - settings of a Llama
    """Whether a Llama with these settings shares prefixes, once it was asked to."""
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=259, **sizes, **options))
    let_share(model)
    return can_share(model)


def test_llama_with_a_window_does_not_share() -> None:
    """A window in a Llama's settings makes its cache forget, and a prefix would come back shorter."""
    assert not enabled(sliding_window=4)
    assert enabled(rope_parameters={"rope_type": "linear", "rope_theta": 1e4, "factor": 2.0})
    assert not enabled(rope_parameters={"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0})


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_padding_that_sees_nothing_stays_finite(dtype: torch.dtype) -> None:
    """Scores at the far end of the dtype included: NaN in a pad would reach its row through the next layer."""
    query = torch.full((1, 4, 2, 8), -60.0).to(dtype)
    key = torch.full((1, 2, 2, 8), 60.0).to(dtype)
    value = torch.tensor([1.0, 3.0]).to(dtype)[None, None, :, None].expand(1, 2, 2, 8)
    out, _ = attend(None, query, key, value, torch.tensor([[True, True], [True, False]])[None, None], 1.0, [])

    assert out[0, :, 0, 0].tolist() == [2.0, 3.0]
