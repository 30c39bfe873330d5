"""An adapter is held against a base in a process of its own, and whatever comes of that is a fact or a complaint."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
import support
from safetensors.torch import load_file

from homework.adapter_loading import config_hash
from unsilent import base_shapes
from unsilent.base_shapes import compare_with_base

LORA = {"peft_type": "LORA", "r": 4, "target_modules": ["q_proj"], "task_type": "CAUSAL_LM"}


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Put another script in the place of ours."""
    (folder / "script.py").write_text(code)
    monkeypatch.setattr(base_shapes, "SCRIPT", folder / "script.py")


@pytest.mark.no_cover
def test_trained_adapter_fits_its_base(tiny_base: Path, tmp_path: Path) -> None:
    """All that is known of both comes back, the hash as a manifest has it."""
    folder = support.write_adapter(tmp_path / "sft", tiny_base)
    shapes = {key: tuple(one.shape) for key, one in load_file(folder / "adapter_model.safetensors").items()}
    lost = "base_model.model.model.layers.0.mlp.up_proj.lora_A.weight"
    held = shapes | {"elsewhere": (1,), lost.replace("layers.0", "layers.1"): (4, 48)}
    del held[lost]

    facts = compare_with_base(tiny_base, json.loads((folder / "adapter_config.json").read_text()), held)

    assert (facts.complaint, facts.missing, facts.unexpected) == ("", (lost,), ("elsewhere",))
    assert facts.mismatched == {lost.replace("layers.0", "layers.1"): ((4, 48), (4, 32))}
    assert (len(facts.modules), facts.modules[0]) == (14, "model.layers.0.mlp.down_proj")
    assert (facts.layers, facts.architecture, facts.assumed) == (2, "LlamaForCausalLM", {})
    assert facts.parameters == sum(one.numel() for one in support.tiny_model().parameters())
    assert facts.config_sha256 == config_hash(str(tiny_base))


@pytest.mark.no_cover
def test_path_that_a_configuration_names_is_not_followed(tiny_base: Path) -> None:
    """A method that loads a second model from where its configuration says."""
    facts = compare_with_base(tiny_base, {"peft_type": "SHADOW", "shadow_model": str(tiny_base)}, {})

    assert f"PermissionError: the configuration asks for the file {tiny_base}" in facts.complaint


def test_memory_is_bounded(tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that needs more ends, and this process does not."""
    monkeypatch.setattr(base_shapes, "MEMORY", 50_000_000)

    assert compare_with_base(tiny_base, LORA, {}).complaint == "it took more than 50 MB of memory"


@pytest.mark.slow
def test_regular_expression_without_end(tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Matching takes longer than anybody lives: the process that matches is ended."""
    monkeypatch.setattr(base_shapes, "LIMIT", 20)

    facts = compare_with_base(tiny_base, LORA | {"target_modules": "((([a-z_.0-9])+)+)+!"}, {})

    assert facts.complaint == "it took more than 20 s, as some regular expressions would"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "No such file"),
        ("{", "JSONDecodeError"),
        ("[]", "holds no object"),
        ("[" * 200_000, "RecursionError"),
        ("\xff", "Error"),
        (" " * 10_000_001, "no ordinary file of at most 10000000 bytes"),
    ],
    ids=["none", "cut", "a list", "deep", "no text", "large"],
)
def test_base_without_a_configuration(tmp_path: Path, content: str | None, complaint: str) -> None:
    """Named with its path; nothing is started."""
    if content is not None:
        (tmp_path / "config.json").write_text(content, encoding="latin-1")

    facts = compare_with_base(tmp_path, LORA, {})

    assert facts.complaint.startswith(str(tmp_path / "config.json"))
    assert complaint in facts.complaint


def test_base_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """Only an ordinary file is opened."""
    os.mkfifo(tmp_path / "config.json")

    assert "no ordinary file" in compare_with_base(tmp_path, LORA, {}).complaint


def test_configuration_that_cannot_travel(tiny_base: Path) -> None:
    """The hash of the base is told all the same."""
    facts = compare_with_base(tiny_base, LORA | {"r": {1, 2}}, {})

    assert "the adapter's configuration is no JSON (TypeError" in facts.complaint
    assert facts.config_sha256 == config_hash(str(tiny_base))


def test_name_of_the_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As its configuration says, where it does."""
    stand_in(tmp_path, monkeypatch, "print('{}')")
    (tmp_path / "config.json").write_text('{"_name_or_path": "org/base"}')

    assert compare_with_base(tmp_path, LORA, {}).name == "org/base"


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("import time; time.sleep(60)", "it took more than 1 s"),
        ("import os; os.abort()", "ended with status -6 and no answer"),
        ("print('not JSON')", "ended with status 0 and no answer"),
    ],
    ids=["waits", "dies", "babbles"],
)
def test_child_without_an_answer(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, complaint: str
) -> None:
    """It is ended, and why there is no comparison is said."""
    stand_in(tmp_path, monkeypatch, code)
    monkeypatch.setattr(base_shapes, "LIMIT", 1)

    assert complaint in compare_with_base(tiny_base, LORA, {}).complaint


def test_child_that_cannot_be_started(tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where there is no memory left for one."""
    monkeypatch.setattr(sys, "executable", "/nowhere/python")

    assert "could not be started (FileNotFoundError" in compare_with_base(tiny_base, LORA, {}).complaint


def test_child_is_offline_and_knows_no_secret(tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the environment it sees what programs need to start."""
    stand_in(tmp_path, monkeypatch, "import json, os; print(json.dumps({'modules': sorted(os.environ)}))")
    monkeypatch.setenv("HF_TOKEN", "secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")

    seen = set(compare_with_base(tiny_base, LORA, {}).modules)

    assert seen >= {"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"}
    assert not seen & {"HF_TOKEN", "HTTPS_PROXY"}
