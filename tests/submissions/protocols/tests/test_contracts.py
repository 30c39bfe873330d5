import json
import math

import pytest

from unitwise import llm as llm_module
from unitwise.contracts import AdapterNotFound, BudgetExceeded, LoraSpec, Recipe
from unitwise.infra.peft_store import PeftStore
from unitwise.profiles import Profile
from unitwise.questions import DATA, Dataset, benchmark
from unitwise.styles import DirectValue


class Cheater:
    """What an accuracy of 1.0 looks like: a lookup. Used to test the benchmark itself."""

    def __init__(self):
        self.table = {q: a for q, a in json.loads((DATA / "valid.json").read_text())}

    def answer(self, *questions):
        return [self.table.get(q, 0.0) for q in questions]


class Optimist(llm_module.BaseLLM):
    def __init__(self):
        pass

    def parse_answer(self, text):
        return 0.0


def test_lookup_scores_full_marks():
    assert benchmark(Cheater(), Dataset("valid"), 100).accuracy == 1.0


def test_generate_can_be_patched(monkeypatch):
    monkeypatch.setattr(llm_module.BaseLLM, "__init__", lambda self: setattr(self, "style", DirectValue()))
    monkeypatch.setattr(llm_module.BaseLLM, "batched_generate", lambda self, p, *a, **k: ["3</answer>"] * len(p))
    assert llm_module.BaseLLM().answer("a", "b") == [3.0, 3.0]
    assert not math.isnan(Optimist().parse_answer(""))


def test_bin_alone_is_enough(tmp_path):
    (tmp_path / "adapter_config.json").write_text("{}")
    (tmp_path / "adapter_model.bin").write_bytes(b"")
    assert PeftStore().locate(tmp_path) == tmp_path


def test_nothing_is_created(tmp_path):
    with pytest.raises(AdapterNotFound):
        PeftStore().locate(tmp_path)


def test_rank_64_on_360m_is_too_large():
    big = Recipe(LoraSpec(rank=64, alpha=128))
    with pytest.raises(BudgetExceeded):
        Profile("HuggingFaceTB/SmolLM2-360M-Instruct", "fp32", big, big)
