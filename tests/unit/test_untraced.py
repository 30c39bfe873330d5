"""What prepares a test is not traced; the test itself is, if it was."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
# Three functions of a module that is measured; the second is called where nothing is to be traced.
MEASURED = """
import coverage, sys
sys.path.insert(0, sys.argv[1])
from untraced import untraced
import three

measured = coverage.Coverage(data_file=None, include=["*three.py"])
if sys.argv[2] == "traced":
    measured.start()
before = sys.gettrace()
with untraced():
    assert sys.gettrace() is None
    with untraced():
        three.second()
    three.second()
assert (sys.gettrace() is None) == (before is None)
three.third()
measured.stop()
print(sorted(measured.get_data().lines(three.__file__) or ()))
"""
THREE = "def first():\n    pass\ndef second():\n    pass\ndef third():\n    pass\n"


@pytest.mark.parametrize(("traced", "lines"), [("traced", "[6]"), ("not traced", "[]")])
def test_tracing_goes_on_afterwards_if_it_went_on_before(tmp_path: Path, traced: str, lines: str) -> None:
    """Also where one such piece of work is part of another: inside nothing is traced, outside what was traced is."""
    (tmp_path / "three.py").write_text(THREE)
    (tmp_path / "measured.py").write_text(MEASURED)
    command = [sys.executable, "-W", "ignore", "measured.py", str(TESTS), traced]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.stdout.split("\n") == [lines, ""], done.stderr
