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
