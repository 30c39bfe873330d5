"""Nothing in a cage outlives it, and how the submission ended is how it is said to have ended."""

from __future__ import annotations

import pwd
import subprocess
import sys
import time
from pathlib import Path

import pytest

from unsilent.sandbox import run_child
from unsilent.sandbox_cage import Cage
from unsilent.sandbox_tree import below
from unsilent.sandbox_worlds import unused_user


@pytest.mark.parametrize(
    ("end", "error"),
    [
        ("os._exit(3)", "the process ended with 3"),
        ("os.abort()", "the process ended by SIGABRT"),
        ("os.kill(os.getpid(), 9)", "the process ended by SIGKILL"),
        ("os.kill(os.getpid(), 15)", "the process ended by SIGTERM"),
        ("os.fork() or os._exit(5); os.wait(); os._exit(0)", ""),
        ("1 / 0", "ZeroDivisionError: division by zero"),
    ],
    ids=["status", "abort", "killed", "terminated", "a child's status", "an error"],
)
def test_end_is_passed_on(tmp_path: Path, end: str, error: str) -> None:
    """Through both processes that wait for it."""
    (tmp_path / "script.py").write_text(f"import os\ndef run(question, tell, watch):\n    {end}\n")
    child = run_child(tmp_path / "script.py", {}, root=tmp_path, seconds=30.0, cage=Cage())
    if child.missing:
        pytest.skip(f"this system gives no cage: {child.error}")

    assert child.error == error


def test_cage_ends_with_the_judge(tmp_path: Path) -> None:
    """The kernel ends all three when the process that asked for them is killed."""
    (tmp_path / "script.py").write_text(
        "import os, time\ndef run(question, tell, watch):\n    print('in', flush=True)\n    time.sleep(60)\n"
    )
    judge = """
import sys
from pathlib import Path
from unsilent import sandbox
from unsilent.sandbox_cage import Cage
sandbox.Listener._take_output = lambda self, blob: blob and print(self.process.pid, flush=True)
child = sandbox.run_child(Path(sys.argv[1]), {}, root=Path(sys.argv[1]).parent, seconds=60.0, cage=Cage())
print("refused", child.error, flush=True)
"""
    command = [sys.executable, "-c", judge, str(tmp_path / "script.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        said = process.stdout.readline().strip()
        if said.startswith("refused"):
            pytest.skip(f"this system gives no cage: {said}")
        group = sorted(below(int(said)))
        process.kill()
    deadline = time.monotonic() + 20
    while any(is_running(one) for one in group) and time.monotonic() < deadline:
        time.sleep(0.01)

    assert len(group) == 3
    assert [one for one in group if is_running(one)] == []


def is_running(number: int) -> bool:
    """Whether it is there, and has not ended without anybody having asked for its status."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_user_is_nobody() -> None:
    """No account has its number; root's says that there is none."""
    assert unused_user() not in {one.pw_uid for one in pwd.getpwall()} - {0}
