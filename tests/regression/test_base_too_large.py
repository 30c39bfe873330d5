"""Base and adapter together have at most 380,000,000 parameters.

SmolLM2-360M has 361,821,120, and LoRA on all its linear layers 542,720 for each rank: 33 fit, 34 do not. A base of
another size does not fit with any. The grader refuses it, however good its answers.
"""

from __future__ import annotations

import json
from pathlib import Path

import faults
import pytest
import snippets
import torch
from peft import LoraConfig, get_peft_model
from tiny_submission import QUESTIONS, write_submission
from transformers import LlamaConfig, LlamaForCausalLM

from unsilent import grading
from unsilent.grading import Part, grade
from unsilent.parameters import LIMIT, check_adapter_parameters, check_parameters

pytestmark = [
    pytest.mark.regression,
    pytest.mark.failure("base-too-large"),
    pytest.mark.usefixtures("children_at_home"),
]

COURSE_BASE = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 960,
    "intermediate_size": 2560,
    "num_hidden_layers": 32,
    "num_attention_heads": 15,
    "num_key_value_heads": 5,
    "vocab_size": 49152,
    "tie_word_embeddings": True,
}
ADAPTER = {"peft_type": "LORA", "r": 16, "target_modules": "all-linear", "task_type": "CAUSAL_LM"}

CODE = """
RANK = 32
def train_model():
    base = AutoModelForCausalLM.from_pretrained("HuggingFaceTB/SmolLM2-360M-Instruct")
    Trainer(get_peft_model(base, LoraConfig(r=RANK, target_modules="all-linear"))).train()
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """The configuration of the course's SmolLM2-360M, without weights."""
    folder = tmp_path / "base"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(COURSE_BASE))
    return folder


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """The configuration of an adapter on it."""
    folder = tmp_path / "sft_model"
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps(ADAPTER))
    return folder


def test_fault_is_real(base: Path, adapter: Path) -> None:
    """Built without weights, and counted as the grader counts: one rank more is too many."""
    counts = []
    for rank in (33, 34):
        faults.raise_rank(adapter, rank)
        settings = json.loads((adapter / "adapter_config.json").read_text())
        with torch.device("meta"):
            model = LlamaForCausalLM(LlamaConfig(**json.loads((base / "config.json").read_text())))
            model = get_peft_model(model, LoraConfig(**settings))
        counts.append(sum(one.numel() for one in model.parameters()))

    assert counts == [379_730_880, 380_273_600]
    assert counts[0] <= LIMIT < counts[1]


def test_check_finds_it(base: Path, adapter: Path) -> None:
    """Before a single step of training, from two configurations."""
    faults.raise_rank(adapter, 34)
    outcome = check_adapter_parameters(base, adapter)

    assert (outcome.status, outcome.slug) == ("failed", "base-too-large")
    assert "Expected at most 380,000,000 parameters, but got 380,273,600, 273,600 too many" in outcome.message
    assert outcome.evidence == {"parameters": 380_273_600, "limit": LIMIT}


def test_check_finds_a_larger_base(base: Path, adapter: Path) -> None:
    """Two layers more, and a small adapter."""
    faults.take_larger_base(base, 34)

    assert check_adapter_parameters(base, adapter).status == "failed"


def test_check_finds_it_in_what_was_graded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The count is that of the model which answered, whatever its configuration says."""
    monkeypatch.setattr(grading, "PRELOADED", ())
    package = write_submission(tmp_path, after="Weight.numel = lambda self: 190_000_001")
    part = grade(package, [Part("sft", "load_sft")], QUESTIONS).parts["sft"]

    assert part.parameters == 380_000_002
    assert check_parameters(part.parameters).status == "failed"


def test_healthy_twin_is_left_alone(base: Path, adapter: Path) -> None:
    """The largest rank that fits, and a count at the limit itself."""
    faults.raise_rank(adapter, 33)

    assert check_adapter_parameters(base, adapter).status == "passed"
    assert check_parameters(LIMIT).status == "passed"


def test_check_finds_it_in_code(tmp_path: Path) -> None:
    """The line of the rank, and the number of parameters that the grader would count."""
    trained = snippets.write(tmp_path, CODE, prelude=snippets.IMPORTS) / "sft.py"
    assert snippets.failures(trained.parent) == []  # rank 32 fits, by less than a million
    faults.raise_rank_in_code(trained)
    (outcome,) = snippets.failures(trained.parent)

    assert outcome.slug == "base-too-large"
    assert outcome.evidence["code"] == "RANK = 64"
    assert "got 396,555,200 with rank 64" in outcome.message


def test_code_shows_it(tmp_path: Path) -> None:
    """In code of another shape as well."""
    snippets.assert_pair(tmp_path, "base-too-large")
