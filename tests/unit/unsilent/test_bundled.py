"""What is bundled of a folder, and why the rest is not."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest
import support

from unsilent.bundled import Chosen, adapters_among, adapters_lost, choose_files, why_left_out


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A package with an adapter."""
    return support.write_package(tmp_path / "homework")


def names(chosen: Chosen) -> list[str]:
    """What is included."""
    return [path.as_posix() for path in chosen.included]


def reasons(folder: Path) -> dict[str, str]:
    """What is left out of a folder, and why."""
    return {path.as_posix(): reason for path, reason in choose_files(folder).left_out.items()}


WHOLE = ["__init__.py", "data.py", "sft.py", "sft_model/adapter_config.json", "sft_model/adapter_model.safetensors"]


def test_package_is_bundled_whole(folder: Path) -> None:
    """Every file, in the order of the names, relative to the folder."""
    assert names(choose_files(folder)) == WHOLE
    assert reasons(folder) == {}


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("checkpoint-500/adapter_model.safetensors", "a checkpoint of a training run"),
        ("sft_model/global_step12/x.pt", "a checkpoint of a training run"),
        ("tmp-checkpoint-500/optimizer.pt", "a checkpoint of a training run"),
        ("checkpoint-final/adapter_model.safetensors", "a checkpoint of a training run"),
        ("sft_model/checkpoints/a/adapter_model.safetensors", "a checkpoint of a training run"),
        ("sft_model.unfinished/run.json", "a training run that is not finished"),
        ("wandb/run-1/x.wandb", "records of experiments"),
        ("mlruns/0/meta.yaml", "records of experiments"),
        ("node_modules/a/index.js", "an environment"),
        ("optimizer_0/__0_0.distcp", "a state of a training run"),
        ("pytorch_model_fsdp_0/__0_0.distcp", "a state of a training run"),
        ("a/zero_pp_rank_0_mp_rank_00_optim_states.pt", "a state of a training run"),
        ("pytorch_model_fsdp.bin", "a state of a training run"),
        ("optimizer_1", "a state of a training run"),
        *((name, "maybe a secret") for name in ("server.pem", "tls.KEY", "prod.env", "id_ed25519", "credentials.json")),
        ("sft.py~", "a leftover of an editor"),
        ("sft.py.swp", "a leftover of an editor"),
        ("Thumbs.db", "a leftover of a file manager"),
        ("older.zip", "an archive"),
        ("sft_model/optimizer.pt", "a state of a training run"),
        ("scheduler.pt", "a state of a training run"),
        ("rng_state_0.pth", "a state of a training run"),
        ("random_states_0.pkl", "a state of a training run"),
        ("training_args.bin", "a state of a training run"),
        ("__pycache__/sft.cpython-311.pyc", "a cache"),
        ("old.pyc", "a cache"),
        ("homework.egg-info/PKG-INFO", "a cache"),
        ("__MACOSX/a.py", "a leftover of a file manager"),
        (".git/config", "hidden"),
        ("a/.DS_Store", "hidden"),
        ("data/rft.journal.jsonl", "a journal of sampled rows"),
        ("sft_model.kept-a1b2_c3d/adapter_config.json", "an adapter that was kept beside the trained one"),
        ("attestation.json", "what the gate found, on this machine"),
        ("bundle.json", "an older bundle's list of files"),
    ],
)
def test_what_nobody_needs_is_left_out(path: str, reason: str) -> None:
    """At any depth, but for the two files that stand at the top alone."""
    assert why_left_out(PurePosixPath(path)) == reason


@pytest.mark.parametrize(
    "path",
    [
        *("optimizer.py", "scheduler.json", "checkpoints.py", "checkpoint-500", "sft_model/trainer_state.json"),
        *("sft_model/curve.png", "data/attestation.json", "sft_model/README.md", "runs/events.out.tfevents.1"),
        *("env.py", "monkey", "keys.py", "id_rsa.py", "wandb.py", "checkpoint.py", "credentials.py", "zip.py", "wandb"),
        *("sft_model/adapter_model.bin", "grader/tests.py", "sampled.jsonl", "sft_model.kept/a.py"),
    ],
)
def test_what_only_looks_like_it_is_kept(path: str) -> None:
    """Code, logs and curves; a file is no folder, and a word in a name is not the name."""
    assert why_left_out(PurePosixPath(path)) == ""


def test_left_out_folder_is_said_once(folder: Path) -> None:
    """Not each of its files."""
    support.write_checkpoint(folder / "sft_model")

    assert reasons(folder) == {"sft_model/checkpoint-500": "a checkpoint of a training run"}
    assert names(choose_files(folder)) == WHOLE


def test_environment_is_left_out(folder: Path) -> None:
    """Whatever it is called; the folder itself may lie in one."""
    (folder / "venv" / "lib").mkdir(parents=True)
    (folder / "venv" / "pyvenv.cfg").touch()
    (folder / "pyvenv.cfg").touch()
    (folder / "conda" / "conda-meta").mkdir(parents=True)

    assert reasons(folder) == {"conda": "an environment", "venv": "an environment"}
    assert "pyvenv.cfg" in names(choose_files(folder))


def test_link_that_stays_is_followed(folder: Path) -> None:
    """A link to a file, and one to a folder, are bundled under their own names, also when the folder is a link."""
    (folder / "again.py").symlink_to("sft.py")
    (folder / "rft_model").symlink_to("sft_model")
    (folder.parent / "link").symlink_to(folder)

    assert set(names(choose_files(folder))) - set(WHOLE) == {
        *("again.py", "rft_model/adapter_config.json", "rft_model/adapter_model.safetensors"),
    }
    assert choose_files(folder.parent / "link") == choose_files(folder)


def test_link_that_leaves_is_left_out(folder: Path, tmp_path: Path) -> None:
    """What it leads to would not be there for others; one that leads to nothing, or in a circle, says so."""
    (tmp_path / "rows.json").touch()
    (folder / "rows.json").symlink_to(tmp_path / "rows.json")
    (folder / "whole").symlink_to(tmp_path)
    (folder / "nothing").symlink_to("gone.py")
    (folder / "round").symlink_to("round")

    assert reasons(folder) == {
        "nothing": "a link to nothing that can be read",
        "round": "a link to nothing that can be read",
        "rows.json": "a link that leaves the folder: what it leads to does not travel",
        "whole": "a link that leaves the folder: what it leads to does not travel",
    }


@pytest.mark.parametrize("target", [".env", ".git", ".git/config", "private/id_rsa"])
def test_link_to_what_is_private_is_left_out(folder: Path, target: str) -> None:
    """Under a harmless name it would travel; a link to a checkpoint is how people choose one, and stays."""
    (folder / "private").mkdir()
    (folder / ".git").mkdir()
    for name in (".env", ".git/config", "private/id_rsa"):
        (folder / name).touch()
    (folder / "settings.txt").symlink_to(target)
    (folder / "checkpoint-5").mkdir()
    (folder / "checkpoint-5" / "adapter_config.json").touch()
    (folder / "rft_model").symlink_to("checkpoint-5")

    assert reasons(folder)["settings.txt"] == "a link to what is hidden, or secret"
    assert set(names(choose_files(folder))) - set(WHOLE) == {"rft_model/adapter_config.json"}


def test_links_between_folders_end(folder: Path) -> None:
    """Two folders, each with a link to the other, and one with a link to the whole."""
    for one, other in (("a", "b"), ("b", "a")):
        (folder / one).mkdir()
        (folder / one / "x.py").touch()
        (folder / one / "next").symlink_to(f"../{other}")
    (folder / "sft_model" / "up").symlink_to("..")

    assert [name for name in names(choose_files(folder)) if name not in WHOLE] == [
        *("a/next/x.py", "a/x.py", "b/next/x.py", "b/x.py"),
    ]
    assert set(reasons(folder)) == {"a/next/next", "b/next/next", "sft_model/up"}


def test_what_is_no_file_is_left_out(folder: Path) -> None:
    """A pipe would be waited for."""
    os.mkfifo(folder / "pipe")

    assert reasons(folder) == {"pipe": "neither file nor folder"}


@pytest.mark.parametrize("name", ["a:b.py", "a\\b.py", "a\nb.py", "a.py ", "\udcff.py", "what?.py"])
def test_name_that_does_not_travel_is_left_out(folder: Path, name: str) -> None:
    """Other systems take it for another name, or for none."""
    (folder / name).touch()

    assert list(reasons(folder).values()) == ["a name that not every system takes"]


def test_ordinary_names_travel(folder: Path) -> None:
    """Spaces and letters of any language are in order."""
    (folder / "mit Leerzeichen").mkdir()
    (folder / "mit Leerzeichen" / "größe 単位.json").touch()

    assert "mit Leerzeichen/größe 単位.json" in names(choose_files(folder))


def test_folder_that_cannot_be_read_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not passed over."""
    real = Path.iterdir

    def listed(path: Path) -> object:
        if path.name == "sft_model":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(Path, "iterdir", listed)

    assert reasons(folder) == {"sft_model": "it cannot be read (Permission denied)"}
    assert reasons(folder / "nowhere") == {".": "it cannot be read (No such file or directory)"}


@pytest.mark.parametrize(
    ("files", "lacks"),
    [
        (["adapter_config.json", "adapter_model.safetensors"], ""),
        (["adapter_config.json", "adapter_model-00001-of-00002.bin", "adapter_model-00002-of-00002.bin"], ""),
        (["adapter_config.json", "adapter_model.safetensors.index.json"], "weights"),
        (["adapter_model.bin"], "adapter_config.json"),
    ],
    ids=["whole", "shards", "configuration alone", "weights alone"],
)
def test_adapters_are_recognised(files: list[str], lacks: str) -> None:
    """By PEFT's names, in any folder."""
    found = adapters_among([PurePosixPath("a/b", name) for name in [*files, "notes.txt"]])

    assert list(found) == ["a/b"]
    assert found["a/b"].lacks == lacks


def test_adapter_behind_a_link_is_lost(folder: Path, tmp_path: Path) -> None:
    """The folder works here, and its bundle nowhere; a link to something else is no loss of an adapter."""
    (folder / "sft_model").rename(tmp_path / "run7")
    (folder / "sft_model").symlink_to(tmp_path / "run7")
    (tmp_path / "notes").mkdir()
    (folder / "notes").symlink_to(tmp_path / "notes")
    chosen = choose_files(folder)

    assert [path.as_posix() for path in adapters_lost(folder, chosen)] == ["sft_model"]


def test_weights_behind_a_link_are_lost(folder: Path, tmp_path: Path) -> None:
    """As the cache of the hub has them."""
    weights = folder / "sft_model" / "adapter_model.safetensors"
    weights.rename(tmp_path / "blob")
    weights.symlink_to(tmp_path / "blob")

    assert list(adapters_lost(folder, choose_files(folder))) == [Path("sft_model/adapter_model.safetensors")]


def test_adapter_behind_a_link_to_what_is_hidden_is_lost(folder: Path) -> None:
    """It would load here, and be gone from the bundle."""
    (folder / "sft_model").rename(folder / ".runs")
    (folder / "sft_model").symlink_to(".runs")

    assert Path("sft_model") in adapters_lost(folder, choose_files(folder))


def test_checkpoint_is_lost_where_nothing_else_is(folder: Path) -> None:
    """Beside the finished adapter it is of no use; alone it is what would be loaded."""
    support.write_checkpoint(folder / "sft_model")
    assert adapters_lost(folder, choose_files(folder)) == {}

    for name in ("adapter_config.json", "adapter_model.safetensors"):
        (folder / "sft_model" / name).unlink()
    assert list(adapters_lost(folder, choose_files(folder))) == [Path("sft_model/checkpoint-500")]
