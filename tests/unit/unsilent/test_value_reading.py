"""Values and norms are those of one thread, however many read, and nothing else of the process is changed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
import support

from unsilent import manifest, value_reading
from unsilent.adapter_facts import AdapterFacts, collect
from unsilent.adapter_folder import read_folder


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """A trained adapter."""
    return support.write_adapter(tmp_path / "sft", manifest=False)


def facts_of(folder: Path) -> AdapterFacts:
    """Collect; there is no pickle that would need a folder."""
    return collect(read_folder(folder), lambda: folder, quick=False)


@pytest.mark.parametrize("limited", [True, False], ids=["one thread a product", "without threadpoolctl"])
@pytest.mark.parametrize("described", [True, False], ids=["hashed beside", "all cores"])
def test_large_adapter_is_read_in_threads(
    adapter: Path, monkeypatch: pytest.MonkeyPatch, *, limited: bool, described: bool
) -> None:
    """Values, norms and their order are those of one thread; a core is left to the hash."""
    if described:
        manifest.write_manifest(adapter, support.manifest_content())
    alone = facts_of(adapter)
    asked: list[int] = []
    each = value_reading._each

    def note(look: Any, things: Any, threads: int) -> Any:  # noqa: ANN401 - as the real one
        asked.append(threads)
        return each(look, things, threads)

    monkeypatch.setattr(value_reading, "LARGE", 100)
    monkeypatch.setattr(value_reading, "ELEMENTS", 1)
    monkeypatch.setattr(value_reading, "_each", note)
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    if not limited:
        monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    together = facts_of(adapter)

    assert set(asked) == {2 if described else 3}
    assert list((together.values or {}).items()) == list((alone.values or {}).items())
    assert list(together.norms.items()) == list(alone.norms.items())
    assert len(together.norms) == 14


def test_many_small_tensors_are_read_in_one_thread(adapter: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However large they are together: threads would wait for one another."""
    monkeypatch.setattr(value_reading, "LARGE", 100)
    monkeypatch.setattr(value_reading, "_one_thread_a_product", None)

    assert len(facts_of(adapter).values or ()) == 28


@pytest.mark.parametrize("before", [None, "FALSE"])
def test_threads_leave_the_environment_alone(monkeypatch: pytest.MonkeyPatch, before: str | None) -> None:
    """Importing threadpoolctl sets a variable for all libraries; it is as it was afterwards."""
    name = "KMP_DUPLICATE_LIB_OK"
    monkeypatch.delitem(sys.modules, "threadpoolctl", raising=False)
    monkeypatch.setenv(name, before) if before else monkeypatch.delenv(name, raising=False)

    with value_reading._one_thread_a_product():
        assert os.environ.get(name) == before
