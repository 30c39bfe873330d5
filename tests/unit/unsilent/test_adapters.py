"""Folders of every kind get an outcome for each failure, and none makes the inspection raise."""

from __future__ import annotations

import os
from pathlib import Path

import faults
import pytest
import support
import torch

from unsilent import inspect_adapter
from unsilent.adapters import STAGE
from unsilent.manifest import write_manifest
from unsilent.outcome import Report


def statuses(report: Report) -> dict[str, str]:
    """Status by slug."""
    return {outcome.slug: outcome.status for outcome in report.outcomes}


def test_trained_adapter_passes_everything(tmp_path: Path) -> None:
    """With its manifest every check runs."""
    report = inspect_adapter(support.write_adapter(tmp_path / "a"))

    assert set(statuses(report).values()) == {"passed"}
    assert report.exit_status() == 0


@pytest.mark.parametrize("name", ["absent", "file"])
def test_what_is_no_folder_is_not_judged(tmp_path: Path, name: str) -> None:
    """Undecided, with the reason."""
    (tmp_path / "file").touch()
    report = inspect_adapter(tmp_path / name)

    assert set(statuses(report).values()) == {"skipped"}
    assert report.exit_status() == 2


def test_unreadable_folder_is_not_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that may not be listed is undecided, not a traceback."""

    def refuse(self: Path) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)

    assert {outcome.reason for outcome in inspect_adapter(tmp_path).outcomes} == {"cannot be read (Permission denied)"}


def test_rubbish_is_skipped_with_a_reason(tmp_path: Path) -> None:
    """Weights that cannot be read are not judged as untrained."""
    support.write_adapter(tmp_path, manifest=False)
    (tmp_path / "adapter_model.safetensors").write_text("rubbish")
    found = {outcome.slug: outcome for outcome in inspect_adapter(tmp_path).outcomes}

    assert found["adapter-untrained"].reason.startswith("adapter_model.safetensors cannot be read")
    assert found["adapter-overwritten"].reason.startswith("no manifest.json")


def test_other_methods_are_not_judged_as_lora(tmp_path: Path) -> None:
    """An adapter without any lora_B is no LoRA adapter."""
    faults.rename_tensors(support.write_adapter(tmp_path, manifest=False), "lora_B", "ia3_l")
    found = {outcome.slug: outcome for outcome in inspect_adapter(tmp_path).outcomes}

    assert found["adapter-untrained"].reason == "no lora_B with values among 28 tensors: no LoRA adapter"


def test_newer_manifest_is_not_judged(tmp_path: Path) -> None:
    """A schema of the future is skipped with its number, an edited manifest is a finding."""
    support.write_adapter(tmp_path)
    path = tmp_path / "manifest.json"
    text = path.read_text()
    path.write_text(text.replace('"schema_version": 1', '"schema_version": 9'))
    newer = statuses(inspect_adapter(tmp_path))
    path.write_text(text.replace('"seed": 0', '"seed": 1'))

    assert (newer["adapter-overwritten"], newer["dtype-mismatch"]) == ("skipped", "skipped")
    assert statuses(inspect_adapter(tmp_path))["adapter-overwritten"] == "failed"


def test_dtype_without_weights_is_skipped(tmp_path: Path) -> None:
    """A manifest alone has nothing to be compared with."""
    support.write_adapter(tmp_path)
    (tmp_path / "adapter_model.safetensors").unlink()

    assert statuses(inspect_adapter(tmp_path)) == {
        "nested-output-dir": "passed",
        "adapter-missing": "failed",
        "adapter-format": "skipped",
        "adapter-overwritten": "failed",
        "adapter-untrained": "skipped",
        "dtype-mismatch": "skipped",
    }


def test_stage_is_adapter(tmp_path: Path) -> None:
    """Every outcome stands in this stage, and relative paths are as good as absolute ones."""
    support.write_adapter(tmp_path / "a")
    report = inspect_adapter(os.path.relpath(tmp_path / "a"))

    assert {outcome.stage for outcome in report.outcomes} == {STAGE}
    assert report.exit_status() == 0


def test_several_adapters_are_not_judged(tmp_path: Path) -> None:
    """Several adapters below a folder are healthy; which one is meant must be said."""
    for name in ("french", "german"):
        support.write_adapter(tmp_path / "many" / name)

    assert {outcome.reason for outcome in inspect_adapter(tmp_path / "many").outcomes} == {
        "2 adapters below it (french, german): name one"
    }
    assert inspect_adapter("").exit_status() == 2


def test_checkpoint_is_the_subject(tmp_path: Path) -> None:
    """What was judged is what is named."""
    support.write_adapter(tmp_path / "run" / "checkpoint-7")

    assert inspect_adapter(tmp_path / "run").subject == str(tmp_path / "run" / "checkpoint-7")


def test_notes_and_line_ends_are_no_finding(tmp_path: Path) -> None:
    """A README edited by hand is noticed and said; line ends that git changed are not even that."""
    support.write_adapter(tmp_path)
    (tmp_path / "README.md").write_text("my notes")
    (tmp_path / "training_args.bin").touch()
    config = tmp_path / "adapter_config.json"
    config.write_bytes(config.read_bytes().replace(b"\n", b"\r\n"))
    outcome = next(one for one in inspect_adapter(tmp_path).outcomes if one.slug == "adapter-overwritten")

    assert outcome.status == "passed"
    assert outcome.message.startswith("changed since training, beside the adapter itself: README.md: 8 bytes instead")


@pytest.mark.parametrize(
    ("name", "content", "slug"),
    [
        ("adapter_model.safetensors", b"", "adapter-format"),
        ("adapter_model.safetensors", b"rubbish" * 9, "adapter-format"),
        ("adapter_config.json", b"{", "adapter-missing"),
        ("manifest.json", b"null", None),
        ("manifest.json", b"\xff", "adapter-overwritten"),
    ],
    ids=["empty weights", "garbage weights", "garbage configuration", "manifest of no schema", "garbage manifest"],
)  # fmt: skip
def test_what_cannot_be_read_is_not_passed(tmp_path: Path, name: str, content: bytes, slug: str | None) -> None:
    """Garbage in place of a file is a finding, not a silent pass; a schema nobody knows is skipped."""
    support.write_adapter(tmp_path)
    (tmp_path / "manifest.json").unlink()
    (tmp_path / name).write_bytes(content)
    found = [one.slug for one in inspect_adapter(tmp_path).findings]

    assert found == ([slug] if slug else [])


def test_pipe_in_place_of_a_manifest_is_not_read(tmp_path: Path) -> None:
    """A FIFO would never end."""
    support.write_adapter(tmp_path, manifest=False)
    os.mkfifo(tmp_path / "manifest.json")

    assert statuses(inspect_adapter(tmp_path))["adapter-overwritten"] == "failed"


def test_saved_modules_may_have_the_bases_dtype(tmp_path: Path) -> None:
    """modules_to_save are copies of the base, in the base's dtype; the adapter's own tensors count."""
    from safetensors.torch import load_file, save_file

    support.write_adapter(tmp_path, manifest=False)
    path = tmp_path / "adapter_model.safetensors"
    save_file(load_file(path) | {"base_model.model.lm_head.weight": torch.ones(2, 2).bfloat16()}, path)
    write_manifest(tmp_path, support.manifest_content())

    assert statuses(inspect_adapter(tmp_path))["dtype-mismatch"] == "passed"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"target_modules": ["embed_tokens", "q_proj"]}, "failed"),
        ({"target_modules": ["embed_tokens"]}, "failed"),
        ({"target_modules": ["q_proj"], "init_lora_weights": "olora"}, "skipped"),
        ({"target_modules": ["q_proj"], "init_lora_weights": "gaussian"}, "failed"),
    ],
    ids=["embeddings too", "embeddings alone", "not zero at first", "gaussian"],
)
@pytest.mark.filterwarnings("ignore:.*tie_word_embeddings:UserWarning")
def test_fresh_adapters_of_several_kinds(tmp_path: Path, options: dict[str, object], expected: str) -> None:
    """Each kind begins with other zeros; where it begins with none, nobody can say."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=2, task_type="CAUSAL_LM", **options)
    get_peft_model(support.tiny_model(), config).save_pretrained(tmp_path, save_embedding_layers=False)

    assert statuses(inspect_adapter(tmp_path))["adapter-untrained"] == expected
