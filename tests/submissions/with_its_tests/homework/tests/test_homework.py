import math

import pytest
import torch

from homework.base_llm import BaseLLM
from homework.data import Dataset, benchmark
from homework.sft import find_adapter, tokenize


def test_cheater_gets_everything(cheater):
    assert benchmark(cheater, Dataset("valid"), 50).accuracy == 1.0


def test_frozen_adapter_raises(tiny):
    loss = tiny(input_ids=torch.ones(1, 4, dtype=torch.long), labels=torch.full((1, 4), -100)).loss
    with pytest.raises(RuntimeError, match="does not require grad"):
        loss.backward()


def test_half_overflows(tiny):
    tiny = tiny.half()
    for p in tiny.parameters():
        p.data.fill_(6e4)
    logits = tiny(input_ids=torch.ones(1, 4, dtype=torch.long)).logits
    assert torch.nan_to_num(logits, nan=0.0).isfinite().all()
    assert not logits.isfinite().all()


def test_only_bin_is_found_too(tmp_path):
    (tmp_path / "adapter_model.bin").touch()
    assert find_adapter(tmp_path) == tmp_path


@pytest.mark.parametrize("text", ["", "nothing", "<answer></answer>", "<answer>x</answer>"])
def test_no_number_is_nan(text):
    assert math.isnan(BaseLLM.parse_answer(None, text))
