"""What a process in the cage has given up is asked of the kernel, not assumed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from unsilent import sandbox_rights

TRY = """
import json, resource, runpy, sys
rights = runpy.run_path(sys.argv[1])
limits = json.loads(sys.argv[2])
before = rights["held"](limits)
rights["give_up"](None, limits)
kinds = resource.RLIMIT_CPU, resource.RLIMIT_NOFILE
more = [rights["held"](limits | one) for one in ({"NOFILE": 2}, {"X": 1})]
print(json.dumps([before, rights["held"](limits), *map(resource.getrlimit, kinds), *more]))
"""


def test_what_is_given_up_is_found_to_be_gone() -> None:
    """Before there is nothing of it; a limit that is not kept, or not known, is found as well."""
    if sys.platform != "linux":
        pytest.skip("rights of a process are those of Linux")
    command = [sys.executable, "-c", TRY, sandbox_rights.__file__, json.dumps({"CPU": 50, "NOFILE": 100, "CORE": 1})]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    before, after, cpu, files, more, unknown = json.loads(done.stdout)

    assert "limits of the kernel" not in before
    assert "no new privileges" not in before
    assert after == ["no capabilities", "no new privileges", "limits of the kernel"]
    assert (cpu, files) == ([50, 55], [100, 100])
    assert more == unknown == ["no capabilities", "no new privileges"]
