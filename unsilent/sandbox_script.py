"""Run by ``sandbox`` in a process of its own: put up the walls, then run one script behind them.

The walls are those of ``sandbox_walls``, where the system allows them, or a whole cage where a plan of one is given;
and those of ``sandbox_watch``, everywhere. The script gets ``run(question, tell, watch)`` called. Lines of JSON go out
on stdout; whatever is printed goes to stderr. Nothing of this package is imported, its files are run by their paths:
``python -I unsilent/sandbox_script.py < question.json``
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import runpy
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Tell = Callable[[dict[str, Any]], None]

HERE = Path(__file__).parent


def main() -> None:  # pragma: no cover - runs in a child
    """Read the question, put up the walls, run the script, and end without looking back."""
    question = json.load(sys.stdin)
    tell = take_over_output()
    walls, plan = question["walls"], question["plan"]
    sys.dont_write_bytecode, python = True, os.path.realpath(sys.executable)
    watching, run = _load("sandbox_watch"), runpy.run_path(question["script"])["run"]  # while they can be seen
    if plan is None:
        protections, why = _enclose(walls["scratch"]), ""
    else:
        protections, why, walls["scratch"] = _confine(plan, walls["scratch"])
        sys.executable = python  # without the link to it of a virtual environment
        os.environ["PYTHONPATH"] = os.pathsep.join(walls["places"])  # which is how what it starts found its packages
    os.environ["TMPDIR"] = walls["scratch"]
    sys.path += [place for place in walls["places"] if place not in sys.path]
    watch = watching["Watch"](walls["root"], walls["scratch"], walls["modules"], tell, may_write=plan is not None)
    if walls["modules"] is not None:
        for name in [one for one in sys.modules if not watch.may_import(one.partition(".")[0])]:
            if name != "__main__":  # the others came in with the start of Python, by somebody's .pth
                del sys.modules[name]
        sys.meta_path[:] = [watching["Limited"](sys.meta_path, walls["distributions"], watch)]
        protections.append("a finder that hides other packages")
    sys.addaudithook(watch.judge)
    missing = [name for name in plan["minimum"] if name not in protections] if plan else []
    tell({"protections": [*protections, "an audit hook"]} | ({"missing": missing} if plan else {}))
    if missing:
        tell({"failed": _refusal(missing, why)})
        os._exit(0)
    try:
        if plan is not None:  # before a torch.py that lies in the submission can stand in their place
            for name in question["question"].get("preload", ()):
                importlib.import_module(name)
        sys.path.insert(0, walls["root"])
        os.chdir(walls["root"])
        run(question["question"], tell, watch)
    except BaseException as error:  # noqa: BLE001 - whatever it was, the parent reads it
        tell({"failed": watch.explain(error)})
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    os._exit(0)


def _load(name: str) -> dict[str, Any]:  # pragma: no cover - runs in a child
    return runpy.run_path(str(HERE / f"{name}.py"))


def _enclose(scratch: str) -> list[str]:  # pragma: no cover - runs in a child
    """Put up what walls there are against mistakes."""
    walls = _load("sandbox_walls")
    protections: list[str] = walls["enclose"](scratch)
    walls["end_with_parent"]()
    return protections


def _confine(plan: Mapping[str, Any], scratch: str) -> tuple[list[str], str, str]:  # pragma: no cover - as _enclose
    """Go into a cage, where a trial shows that it can be built; where not, behind what weaker walls there are.

    Returns:
        What holds, asked of the kernel where it knows; why it is not more; where files can be written.
    """
    root, worlds, rights, calls = map(_load, ("sandbox_root", "sandbox_worlds", "sandbox_rights", "sandbox_calls"))
    worlds["end_with_parent"]()

    def give_up(user: int | None) -> None:
        rights["give_up"](user, plan["limits"])
        calls["refuse_calls"]()

    def enter() -> None:
        worlds["enter"](plan, root, give_up)

    protections: list[str] = []
    if not (why := worlds["tried"](enter)):
        enter()
        scratch = plan["scratch"][0]
        protections += worlds["HOLDS"]
    else:
        protections += _enclose(scratch)
        give_up(None)
        os.environ["HOME"] = scratch
    return [*protections, *rights["held"](plan["limits"])], why, scratch


def _refusal(missing: list[str], why: str) -> str:  # pragma: no cover - runs in a child
    return (
        f"it was not run: Expected a cage that holds a program that means harm, but got none with "
        f"{', '.join(missing)} ({why or 'the kernel does not confirm it'}). Where: this system. "
        f"What to do: run it on Linux, as a user who may make namespaces; or accept weaker walls."
    )


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
