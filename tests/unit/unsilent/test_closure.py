"""What a distribution brings is followed through requirements, markers and names."""

from __future__ import annotations

from pathlib import Path

import pytest

from unsilent.closure import Closure, NotInstalled, closure_of


def install(folder: Path, name: str, *requires: str, module: str = "") -> None:
    """Write the metadata of a distribution with one module."""
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    lines = [f"Name: {name}", "Version: 1.0", *(f"Requires-Dist: {one}" for one in requires)]
    (info / "METADATA").write_text("\n".join(lines) + "\n")
    (info / "RECORD").write_text(f"{module or name}.py,,\n")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A few distributions that need each other, and one that nobody needs."""
    install(tmp_path, "zz-top", "ZZ_Middle>=1", "zz-extra; extra == 'all'", "zz-absent", module="zztop")
    install(tmp_path, "zz.middle", "zz-below", "zz-elsewhere; sys_platform == 'amiga'", module="zzmiddle")
    install(tmp_path, "zz-below", "zz-top", module="zzbelow")
    for name in ("zz-extra", "zz-elsewhere"):
        install(tmp_path, name, module=name.replace("-", ""))
    monkeypatch.syspath_prepend(tmp_path)
    closure_of.cache_clear()
    return tmp_path


def test_requirements_are_followed(installed: Path) -> None:
    """In a circle too, by any spelling; without extras, other systems, and what is not installed."""
    found = closure_of("zz_top")

    assert found == Closure(
        frozenset({"zz-top", "zz-middle", "zz-below"}),
        frozenset({"zztop", "zzmiddle", "zzbelow"}),
        (str(installed),),
    )


def test_what_is_not_installed_is_named(installed: Path) -> None:
    """The one that was asked for, not one that another needs."""
    with pytest.raises(NotInstalled, match=r"^zz-absent$"):
        closure_of("zz-top", "zz-absent")


def test_grader_has_numpy_and_no_pytest() -> None:
    """What torch, transformers and peft bring here."""
    closure_of.cache_clear()
    found = closure_of("torch", "transformers", "peft")

    assert {"torch", "transformers", "peft", "numpy", "safetensors", "tqdm", "yaml"} <= found.modules
    assert not found.modules & {"pytest", "unsilent", "trl", "hypothesis", "matplotlib"}
