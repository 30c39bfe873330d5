"""A few places that agree by chance are no shift; labels that are another task's are none either."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import CONFIG_MAPPING, AutoModelForCausalLM, default_data_collator

from unsilent import samples
from unsilent.samples import read_sample
from unsilent.shifts import WITNESSES, check_shift, read_shift


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are read here, where it is seen; ``test_child.py`` and ``test_guard.py`` fork."""
    monkeypatch.setattr(samples, "in_child", lambda work: work())


@pytest.mark.parametrize(
    ("ids", "labels", "status"),
    [
        ([3, 4, 5, 6, 7, 8], [4, 5, 6, 7, 8, -100], "failed"),
        ([3, 4, 5, 6, 7, 8], [4, 5, 6, 7, 8, 2], "failed"),
        ([3, 4, 5, 6, 7, 8], [5, 6, 7, 8, -100, -100], "failed"),
        ([3, 4, 5], [4, 5, -100], "passed"),
        ([3, 4, 5, 6, 7, 8], [0, 1, 0, 0, 1, 0], "passed"),
        ([3, 4, 5, 6, 7, 8], [-100] * 6, "passed"),
    ],
    ids=["shifted", "shifted, with an end", "shifted twice", "too few places", "classes of tokens", "masked"],
)
def test_pattern_decides(ids: list[int], labels: list[int], status: str) -> None:
    """On one row."""
    assert check_shift(read_sample([{"input_ids": ids, "labels": labels}], default_data_collator)).status == status


class Standing(torch.nn.Module):
    """Neither shifts nor predicts."""

    def forward(self, input_ids: torch.Tensor, labels: torch.Tensor, **_: object) -> Any:  # noqa: ANN401
        """Every token is as likely as its number."""
        logits = torch.nn.functional.one_hot(input_ids, 10).float()
        return SimpleNamespace(logits=logits, loss=torch.nn.functional.cross_entropy(logits[0], labels[0]))

    def __init__(self) -> None:
        """With a weight, to be somewhere."""
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))


@pytest.mark.parametrize(
    ("ids", "count"),
    [([5] * 8, 4), ([3, 4, 5, 6, 7, 8], 2)],
    ids=["rows of one token", "too few rows"],
)
def test_model_is_not_condemned_without_witnesses(ids: list[int], count: int) -> None:
    """Its loss must say so in several rows that can tell."""
    sample = read_sample([{"input_ids": ids, "labels": ids}] * count, default_data_collator)

    assert check_shift(sample, Standing()).status == "passed"


class Tiring(Standing):
    """Answers three times."""

    calls = 0

    def forward(self, *inputs: Any, **options: Any) -> Any:  # noqa: ANN401
        """And no more."""
        self.calls += 1
        if self.calls > WITNESSES:
            raise RuntimeError("too often")
        return super().forward(*inputs, **options)


@pytest.mark.parametrize(
    ("model", "status"),
    [(Standing(), "failed"), (Tiring(), "passed"), (Standing().to("meta"), "passed")],
    ids=["asked at will", "asked too often", "elsewhere"],
)
def test_model_that_cannot_be_asked_is_not_condemned(model: Any, status: str) -> None:  # noqa: ANN401
    """Whatever it would have said."""
    rows = [{"input_ids": [3, 4, 5, 6, 7, 8], "labels": [3, 4, 5, 6, 7, 8]}] * 4

    assert check_shift(read_sample(rows, default_data_collator), model).status == status


@given(ids=st.lists(st.integers(3, 5), min_size=2, max_size=30), prompt=st.integers(0, 5))
def test_labels_at_their_tokens_are_never_shifted(ids: list[int], prompt: int) -> None:
    """However often tokens repeat."""
    labels = [-100] * min(prompt, len(ids)) + ids[prompt:]

    assert check_shift(read_sample([{"input_ids": ids, "labels": labels}], default_data_collator)).status == "passed"


SMALL = {
    **dict.fromkeys(("hidden_size", "n_embd", "d_model", "word_embed_proj_dim"), 32),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "num_layers"), 2),
    **dict.fromkeys(("num_attention_heads", "n_head", "num_key_value_heads"), 4),
    **dict.fromkeys(("intermediate_size", "ffn_dim", "moe_intermediate_size"), 64),
    **dict.fromkeys(("num_local_experts", "num_experts"), 2),
    "head_dim": 8,
    "num_experts_per_tok": 1,
    "pad_token_id": 2,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


@pytest.mark.no_cover
@pytest.mark.parametrize(
    "name",
    [
        "bloom",
        "falcon",
        "gemma2",
        "gpt2",
        "gpt_neox",
        "granite",
        "mamba",
        "mixtral",
        "olmo2",
        "opt",
        "phi3",
        "qwen2_moe",
    ],
)
def test_models_of_many_kinds_shift_by_one(name: str) -> None:
    """With experts, without attention, with capped logits: none is condemned, and each could be read."""
    kind = CONFIG_MAPPING[name]
    known = kind().to_dict()
    config = kind(vocab_size=300, **{key: value for key, value in SMALL.items() if key in known})
    model = AutoModelForCausalLM.from_config(config).train()
    ids = [3, 4, 5, 6, 7, 8, 9, 10]
    sample = read_sample([{"input_ids": ids, "labels": ids}] * 4, default_data_collator)

    assert read_shift(model, sample.rows[0]).shift == 1
    assert check_shift(sample, model).status == "passed"
