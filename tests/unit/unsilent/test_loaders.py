"""Finders and loaders are shown made-up folders, and judged by what they say."""

from __future__ import annotations

from pathlib import Path

from homework.adapter_files import find_adapter
from unsilent.loaders import FORMATS, check_finder, check_missing


def test_our_finder_sees_every_format() -> None:
    """The library's own finder takes nothing for missing and nothing for there."""
    assert check_finder(lambda folder: find_adapter(str(folder), command="train")).status == "passed"


def test_finder_that_believes_everything() -> None:
    """A configuration without weights, and an empty folder, are no adapters."""
    outcome = check_finder(Path.is_dir)

    assert outcome.evidence["wrong"] == dict.fromkeys(["configuration alone", "nothing"], "taken for an adapter")


def test_finder_that_finds_nothing() -> None:
    """Each format is named."""
    outcome = check_finder(lambda folder: None)

    assert len(outcome.evidence["wrong"]) == sum(there for _, there in FORMATS.values())  # type: ignore[arg-type]


def test_our_loader_creates_nothing() -> None:
    """A missing adapter is an error, and nothing appears."""
    assert check_missing(lambda folder: find_adapter(str(folder), command="train")).status == "passed"


def test_loader_that_raises_after_creating() -> None:
    """An exception does not make up for a folder that was created."""

    def load(folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "adapter_config.json").touch()
        raise RuntimeError

    outcome = check_missing(load)

    assert outcome.evidence["wrong"] == {
        "a folder that is absent": "refused; created absent, adapter_config.json",
        "a folder that is empty": "refused; created adapter_config.json",
        "a folder that is other": "refused; created adapter_config.json",
    }


def test_finder_that_opens_the_weights() -> None:
    """The made-up safetensors are real ones, for finders that read their headers."""
    from safetensors import safe_open

    def find(folder: Path) -> bool:
        for path in folder.glob("*.safetensors"):
            with safe_open(path, "np") as file:
                return bool(file.keys())
        return (folder / "adapter_model.bin").is_file()

    assert check_finder(find).status == "passed"


def test_none_is_a_word() -> None:
    """A loader may return None for a missing adapter, or end its program."""

    def leave(folder: Path) -> None:
        raise SystemExit(2)

    assert check_missing(lambda folder: None).status == "passed"
    assert check_missing(leave).status == "passed"


def test_loader_that_creates_weights_beside_a_configuration() -> None:
    """A configuration alone is no adapter, and nothing is to be made of it."""

    def load(folder: Path) -> None:
        if not (folder / "adapter_config.json").is_file():
            raise FileNotFoundError
        (folder / "adapter_model.safetensors").touch()

    assert check_missing(load).evidence["wrong"] == {
        "a folder that is configured": "refused; created adapter_model.safetensors"
    }
