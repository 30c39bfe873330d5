"""Folders of every kind get an outcome for each failure, and none makes the inspection raise."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import faults
import pytest
import support
import torch

from unsilent import inspect_adapter, tensor_values
from unsilent.adapters import inspect_adapters
from unsilent.manifest import write_manifest
from unsilent.outcome import Report
from unsilent.tensor_values import Update


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

    assert found["adapter-untrained"].reason.startswith("cannot be read (adapter_model.safetensors: no safetensors")
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


def test_without_weights_their_checks_are_skipped(tmp_path: Path) -> None:
    """A manifest alone has nothing to be compared with; what is missing is the finding."""
    support.write_adapter(tmp_path)
    (tmp_path / "adapter_model.safetensors").unlink()
    report = inspect_adapter(tmp_path)
    found = statuses(report)

    assert [slug for slug, status in found.items() if status == "failed"] == ["adapter-missing", "adapter-overwritten"]
    assert [slug for slug, status in found.items() if status == "passed"] == [
        "nested-output-dir",
        "adapter-base-mismatch",
    ]
    assert {one.reason for one in report.outcomes if one.status == "skipped"} == {"no weights in the folder"}


def test_stage_is_adapter(tmp_path: Path) -> None:
    """Every outcome stands in this stage, and relative paths are as good as absolute ones."""
    support.write_adapter(tmp_path / "a")
    report = inspect_adapter(os.path.relpath(tmp_path / "a"))

    assert {outcome.stage for outcome in report.outcomes} == {"adapter"}
    assert report.exit_status() == 0


def test_several_adapters_are_judged_each(tmp_path: Path) -> None:
    """Every finding says whose it is, and one adapter's cause explains nothing of another's."""
    for name in ("french", "german", "latin"):
        support.write_adapter(tmp_path / name, manifest=name == "latin")
    faults.forget_training(tmp_path / "german")
    faults.corrupt_byte(tmp_path / "latin" / "adapter_model.safetensors")
    report = inspect_adapter(tmp_path)

    assert [(one.subject, one.slug) for one in report.findings] == [
        ("german", "adapter-untrained"), ("latin", "adapter-overwritten")
    ]  # fmt: skip
    assert [Path(str(card.content["folder"])).name for card in report.cards] == ["french", "german", "latin"]
    assert inspect_adapter("").exit_status() == 2


def test_zip_is_judged_as_the_folder_in_it(tmp_path: Path) -> None:
    """Whatever the folder in it is called; nothing is left behind; a file that is no zip is not judged."""
    folder = support.write_adapter(tmp_path / "whole" / "deep" / "sft")
    (tmp_path / "whole" / "__MACOSX").mkdir()
    (tmp_path / "whole" / "__MACOSX" / "._sft").touch()
    faults.forget_training(folder)
    archive = shutil.make_archive(str(tmp_path / "sft"), "zip", tmp_path / "whole")
    (tmp_path / "no.zip").write_text("rubbish")

    assert [one.slug for one in inspect_adapter(archive).findings] == ["adapter-overwritten"]
    assert inspect_adapter(archive).subject == archive
    assert {one.reason for one in inspect_adapter(tmp_path / "no.zip").outcomes} == {
        "a file, not a folder or a zip of one"
    }


def test_zip_of_a_whole_adapter_passes(tmp_path: Path) -> None:
    """Everything that the manifest lists is unpacked, notes as well."""
    support.write_adapter(tmp_path / "sft")
    archive = shutil.make_archive(str(tmp_path / "sft"), "zip", tmp_path / "sft")

    assert [one.message for one in inspect_adapter(archive).outcomes if one.message] == []
    assert inspect_adapter(archive).verdict() == "passed"


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="only Linux lists the open files of a process")
def test_files_are_closed(tmp_path: Path) -> None:
    """However many adapters there are."""
    for name in "abc":
        support.write_adapter(tmp_path / name, manifest=False)
    before = len(list(Path("/proc/self/fd").iterdir()))
    report = inspect_adapter(tmp_path)

    assert len(report.cards) == 3
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_file_that_may_not_be_read_is_not_called_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Permissions and failing disks are undecided."""
    support.write_adapter(tmp_path, manifest=False)
    real = os.open

    def refuse(path: Any, *options: Any) -> int:  # noqa: ANN401 - as the system's
        if str(path).endswith("safetensors"):
            raise PermissionError(13, "Permission denied")
        return real(path, *options)

    monkeypatch.setattr(os, "open", refuse)

    assert {one.reason for one in inspect_adapter(tmp_path).outcomes} == {"cannot be read (Permission denied)"}


def test_base_that_is_none_is_wrong_use(tmp_path: Path) -> None:
    """Nothing is judged against nothing."""
    support.write_adapter(tmp_path / "a")

    assert {one.reason for one in inspect_adapter(tmp_path / "a", base=tmp_path / "b").outcomes} == {
        f"no config.json in the base {tmp_path / 'b'}"
    }


def test_file_that_changes_meanwhile_is_not_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of one adapter and half of another is no adapter."""
    folder = support.write_adapter(tmp_path / "a", manifest=False)
    real = tensor_values.look_at_update

    def look(update: Update) -> Any:  # noqa: ANN401 - as the real one
        os.utime(folder / "adapter_model.safetensors", (1, 1))
        return real(update)

    monkeypatch.setattr("unsilent.value_reading.look_at_update", look)

    assert {one.reason for one in inspect_adapter(folder).outcomes} == {
        "adapter_model.safetensors changed while it was read"
    }


def test_links_in_a_circle_are_not_judged(tmp_path: Path) -> None:
    """Python says so in another way in every release."""
    support.write_adapter(tmp_path, manifest=False)
    (tmp_path / "adapter_model.safetensors").unlink()
    (tmp_path / "adapter_model.safetensors").symlink_to("adapter_model.safetensors")

    assert inspect_adapter(tmp_path).exit_status() in (1, 2)


@pytest.mark.parametrize("count", [2, 40])
def test_many_adapters_keep_their_order(tmp_path: Path, count: int) -> None:
    """A few are read here, many in several processes."""
    folder = support.write_adapter(tmp_path / "a", manifest=False)
    paths = [str(folder), str(tmp_path / "absent")] * (count // 2)
    reports = inspect_adapters(paths)

    assert [report.subject for report in reports] == paths
    assert [report.exit_status() for report in reports] == [0, 2] * (count // 2)


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
        ("adapter_model.safetensors", b"", "adapter-corrupt"),
        ("adapter_model.safetensors", b"rubbish" * 9, "adapter-corrupt"),
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
