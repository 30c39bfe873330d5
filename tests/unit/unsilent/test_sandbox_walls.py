"""Where the system allows it, the kernel holds what Python cannot see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from unsilent import sandbox_walls
from unsilent.sandbox import run_child

# ctypes calls that no audit hook sees, and a process that knows nothing of it.
SCRIPT = """
import ctypes, os, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)

def run(question, tell, watch):
    outside, inside = question["outside"], os.path.join(os.environ["TMPDIR"], "x")
    tell({
        "outside": libc.creat(os.fsencode(outside), 0o600),
        "inside": libc.creat(os.fsencode(inside), 0o600) >= 0,
        "remount": libc.mount(None, b"/", None, 0x20 | 0x1000, None),
        "started": subprocess.run([sys.executable, "-c", f"open({outside!r}, 'w')"], stderr=-3).returncode,
        "capabilities": int(open("/proc/self/status").read().partition("CapEff:")[2].split()[0], 16),
        "interfaces": [line.split(":")[0].strip() for line in open("/proc/net/dev").readlines()[2:]],
    })
"""


def told(tmp_path: Path) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The protections, and what came of trying."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    question = {"outside": str(tmp_path / "new")}
    child = run_child(script, question, root=tmp_path, seconds=60.0)
    assert child.error == "", child.error
    return child.protections, dict(child.told[-1].content)


def test_nothing_can_be_written_or_undone(tmp_path: Path) -> None:
    """Not by C, not by what is started, not after a remount; the scratch folder is there."""
    protections, found = told(tmp_path)
    if "read-only mounts" not in protections:
        pytest.skip("this system gives no mount namespace to this user")

    assert (found["outside"], found["inside"], found["remount"], found["started"]) == (-1, True, -1, 1)
    assert found["capabilities"] & ~sandbox_walls.READ_ALL == 0
    assert not (tmp_path / "new").exists()


def test_network_is_empty(tmp_path: Path) -> None:
    """Nothing but the loopback."""
    protections, found = told(tmp_path)
    if "a network of its own" not in protections:
        pytest.skip("this system gives no network namespace to this user")

    assert found["interfaces"] == ["lo"]
