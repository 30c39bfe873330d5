"""No finding on a healthy adapter of any kind: with and without a manifest, with and without its base."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from adapter_kinds import KINDS, write_base

from unsilent.adapters import inspect_adapter

if TYPE_CHECKING:
    from pathlib import Path

EVERY = pytest.mark.parametrize("name", KINDS)


@EVERY
def test_healthy_adapter_is_left_alone(name: str, tmp_path: Path) -> None:
    """Nothing is found, and where there is something to judge it is judged."""
    report = inspect_adapter(KINDS[name](tmp_path, manifest=False))

    assert [(finding.slug, finding.message) for finding in report.findings] == []
    assert report.exit_status(strict=True) == (2 if name == "merged" else 0)


@EVERY
@pytest.mark.usefixtures("children_at_home")
def test_healthy_adapter_with_a_manifest_is_left_alone(name: str, tmp_path: Path) -> None:
    """The same, held against what its run recorded."""
    report = inspect_adapter(KINDS[name](tmp_path, manifest=True))

    assert [(finding.slug, finding.message) for finding in report.findings] == []
    assert report.exit_status(strict=True) == (2 if name == "merged" else 0)


@EVERY
@pytest.mark.usefixtures("children_at_home")
def test_healthy_adapter_fits_its_base(name: str, tmp_path: Path) -> None:
    """Its keys and shapes are those that PEFT makes of the base."""
    base = write_base(tmp_path, KINDS[name].model)
    report = inspect_adapter(KINDS[name](tmp_path / "adapter"), base=base)

    assert [(finding.slug, finding.message) for finding in report.findings] == []
