"""Run by ``sandbox`` in a process of its own: put up the walls, then run one script behind them.

The walls are those of ``sandbox_walls``, where the system allows them, and those of ``sandbox_watch``, everywhere. The
script gets ``run(question, tell, watch)`` called. Lines of JSON go out on stdout; whatever is printed goes to stderr.
Nothing of this package is imported, its files are run by their paths: ``python -I unsilent/sandbox_script.py <
question.json``
"""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Tell = Callable[[dict[str, Any]], None]

HERE = Path(__file__).parent


def main() -> None:  # pragma: no cover - runs in a child
    """Read the question, put up the walls, run the script, and end without looking back."""
    question = json.load(sys.stdin)
    tell = take_over_output()
    cage = question["cage"]
    sys.dont_write_bytecode = True
    os.environ["TMPDIR"] = cage["scratch"]
    walls = runpy.run_path(str(HERE / "sandbox_walls.py"))
    protections = walls["enclose"](cage["scratch"])
    walls["end_with_parent"]()
    watching = runpy.run_path(str(HERE / "sandbox_watch.py"))
    sys.path.insert(0, cage["root"])
    sys.path += [place for place in cage["places"] if place not in sys.path]
    os.chdir(cage["root"])
    run = runpy.run_path(question["script"])["run"]
    watch = watching["Watch"](cage["root"], cage["scratch"], cage["modules"], tell)
    if cage["modules"] is not None:
        for name in [one for one in sys.modules if not watch.may_import(one.partition(".")[0])]:
            if name != "__main__":  # the others came in with the start of Python, by somebody's .pth
                del sys.modules[name]
        sys.meta_path[:] = [watching["Limited"](sys.meta_path, cage["distributions"], watch)]
        protections.append("a finder that hides other packages")
    sys.addaudithook(watch.judge)
    tell({"protections": [*protections, "an audit hook"]})
    try:
        run(question["question"], tell, watch)
    except BaseException as error:  # noqa: BLE001 - whatever it was, the parent reads it
        tell({"failed": watch.explain(error)})
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    os._exit(0)


def take_over_output() -> Tell:  # pragma: no cover - runs in a child
    """Keep stdout for what is told; from here on, what is printed goes to stderr, and stdin is empty."""
    lines, lock = os.dup(1), threading.RLock()
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr] # what it said last is not lost with it

    def tell(content: dict[str, Any]) -> None:
        blob = json.dumps(content).encode() + b"\n"
        with lock:
            while blob:
                blob = blob[os.write(lines, blob) :]

    return tell


if __name__ == "__main__":
    main()
