"""Submissions that mean harm, in the cage: each asserts that the harm did not happen, and what is said of it.

Where a system gives no cage, nothing of a submission is run, and that is what these tests find there.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attacks
import pytest

import unsilent
from unsilent import sandbox, sandbox_calls, sandbox_script
from unsilent.sandbox import Child, run_child
from unsilent.sandbox_cage import MINIMUM, Cage

MB = 1_000_000
ARCHITECTURE = sandbox_calls.ARCHITECTURES.get(os.uname().machine, ("", 0))[1]
CALLS = {name: numbers[ARCHITECTURE] for name, numbers in sandbox_calls.REFUSED.items()} | {
    "clone": sandbox_calls.CLONE[ARCHITECTURE],
    "getpid": (39, 172)[ARCHITECTURE],
}
NOT_THERE, READ_ONLY, NOT_PERMITTED = "No such file or directory", "Read-only file system", "Operation not permitted"

Attack = Callable[..., Child]


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sandbox's own scripts in a place that no other test uses: what they start can be told by its command."""
    copy = tmp_path / "scripts"
    copy.mkdir()
    for path in sandbox_script.HERE.glob("sandbox_*.py"):
        shutil.copy(path, copy)
    monkeypatch.setattr(sandbox, "SCRIPT", copy / "sandbox_script.py")
    return copy


@pytest.fixture
def attack(tmp_path: Path, scripts: Path) -> Iterator[Attack]:
    """Run an attack in a cage; afterwards nothing of it is left."""

    def run(source: str, *, seconds: float = 30.0, preload: tuple[str, ...] = (), **options: Any) -> Child:  # noqa: ANN401
        root = attacks.write_attack(tmp_path, source, options.pop("files", {}), **options.pop("outside", {}))
        cage = options.pop("cage", Cage())
        child = run_child(
            tmp_path / "script.py", {"preload": preload}, root=root, seconds=seconds, cage=cage, **options
        )
        if child.missing:
            assert len(child.told) == 2, "something of it was run"
            pytest.skip(f"this system gives no cage, and nothing was run: {child.error}")
        assert set(MINIMUM) <= set(child.protections)
        return child

    yield run
    assert running(scripts) == []


def running(scripts: Path) -> list[int]:
    """Processes that were started from there, and have not ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(scripts) in path.read_bytes().decode() and " Z " not in (path.parent / "stat").read_text():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def found(child: Child) -> Any:  # noqa: ANN401 - whatever the attack returned
    """What it returned, where it came so far."""
    assert child.error == "", (child.error, child.output)
    return child.told[-1].content["found"]


# --- time, memory, processes, disk


@pytest.mark.parametrize("name", ["SLEEPS", "STOPS_ITSELF", "CLOSES_ITS_PIPES"])
def test_what_never_ends_is_ended(attack: Attack, name: str) -> None:
    """Sleeping, stopped, silent: with all that it has started."""
    child = attack(getattr(attacks, name), seconds=1.0)

    assert child.error == "it was ended: still running after 1 s"


def test_forks_without_end_are_ended(attack: Attack) -> None:
    """All of them; before its time is over where the kernel does not count them."""
    child = attack(attacks.FORKS, seconds=1.0)

    assert child.error in (
        "it was ended: still running after 1 s",
        "it was ended: it had more than 256 processes",
    )


def test_processes_are_counted(attack: Attack) -> None:
    """By the kernel; by whoever looks on where that counts none, as of a container's root."""
    child = attack(attacks.COUNTS_ITS_FORKS, cage=Cage(processes=20))

    assert child.error == "it was ended: it had more than 20 processes" or found(child) in range(10, 20)


def test_sockets_hold_little(attack: Attack) -> None:
    """What lies in them belongs to nobody, so they are few, and cannot be made larger."""
    refused, count = found(attack(attacks.HOARDS_IN_SOCKETS, cage=Cage(open_files=20)))

    assert refused == "PermissionError"
    assert count < 20 * 300_000


def test_more_time_is_not_for_the_asking(attack: Attack) -> None:
    """Whoever listens may grant more with a line; in all it is no more than the cage's."""
    child = attack(attacks.ASKS_FOR_MORE_TIME, cage=Cage(seconds=1.5), next_limit=lambda _: 60.0)

    assert child.error == "it was ended: still running after 1.5 s in all"


def test_processor_time_is_limited(attack: Attack) -> None:
    """By the kernel, for each process."""
    child = attack("def attack():\n    while True: pass", cage=Cage(cpu_seconds=1))

    assert child.error == "the process ended by SIGXCPU"


def test_memory_of_a_process_is_limited(attack: Attack) -> None:
    """It gets an error, as on a machine that is full."""
    child = attack(attacks.EATS_MEMORY_AT_ONCE, cage=Cage(memory=200 * MB))

    assert child.error == "MemoryError"


@pytest.mark.parametrize("name", ["EATS_MEMORY_IN_SMALL_BITES", "EATS_SHARED_MEMORY"])
def test_memory_of_all_is_limited(attack: Attack, name: str) -> None:
    """Also where each process holds little, or what it holds is not its own."""
    child = attack(getattr(attacks, name), cage=Cage(memory=200 * MB))

    assert child.error == "it was ended: it took more than 0.2 GB of memory"


def test_memory_that_grows_is_limited(attack: Attack) -> None:
    """By the kernel or from outside, whoever is first."""
    error = attack(attacks.EATS_MEMORY, cage=Cage(memory=200 * MB)).error

    assert error in ("MemoryError", "it was ended: it took more than 0.2 GB of memory")


def test_disk_is_small(attack: Attack) -> None:
    """The scratch folder holds what was agreed, in bytes and in files; shared memory is part of it."""
    written, crowd, elsewhere, root = found(
        attack(attacks.FILLS_THE_DISK, cage=Cage(scratch=5 * MB, scratch_files=100))
    )

    assert 4 * MB < written <= 5.01 * MB
    assert crowd[0] < 100
    assert (elsewhere, root) == ([0, READ_ONLY], [0, READ_ONLY])


# --- what it says


@pytest.mark.parametrize("descriptor", [1, 2], ids=["stdout", "stderr"])
def test_printing_without_end_is_ended(attack: Attack, descriptor: int) -> None:
    """The last of it is kept."""
    child = attack(attacks.PRINTS_WITHOUT_END, outside={"descriptor": descriptor}, cage=Cage(printed=5 * MB))

    assert child.error == "it was ended: it printed more than 5 MB"
    assert child.output == "x" * 4000


@pytest.mark.parametrize(
    ("line", "error"),
    [('{"x": 1}' + " " * 1000 + "\n", "it told more than 3 MB"), ("\n", "it told more than 20000 lines")],
    ids=["much", "many"],
)
def test_telling_without_end_is_ended(attack: Attack, line: str, error: str) -> None:
    """By bytes, and by lines, each of which takes time to read."""
    child = attack(attacks.TELLS_WITHOUT_END, outside={"line": line}, cage=Cage(told=3 * MB))

    assert child.error == f"it was ended: {error}"


def test_verdict_that_is_printed_is_no_verdict(attack: Attack) -> None:
    """It stays where printed text belongs, and the process has ended without an answer."""
    child = attack(attacks.PRETENDS)

    assert (child.error, len(child.told)) == ("", 1)
    assert "everything" in child.output
    assert "everything" not in child.protections


def test_forged_lines_do_no_harm(attack: Attack) -> None:
    """Protections are those of the first line; what is no JSON, or too deep, is passed over."""
    child = attack(attacks.FORGES_LINES)

    assert found(child) == "went on"
    assert set(child.protections) == {*MINIMUM, "an audit hook"}
    assert [list(line.content) for line in child.told[1:]] == [
        ["protections"],
        ["begin", "kind"],
        ["end", "answers"],
        ["found"],
    ]


def test_leaving_is_no_answer(attack: Attack) -> None:
    """``os._exit(0)`` looks like an end, without the line that would stand before it."""
    child = attack(attacks.LEAVES)

    assert (child.error, len(child.told)) == ("", 1)


def test_what_cannot_be_told_is_an_error(attack: Attack) -> None:
    """Nothing but JSON goes out."""
    assert (
        attack(attacks.RETURNS_WHAT_IS_NO_ANSWER).error == "TypeError: Object of type object is not JSON serializable"
    )


# --- files


def test_nothing_outside_is_written(attack: Attack, tmp_path: Path) -> None:
    """Home, data set, checker, submission, system: not there, or not to be changed; by Python and by C."""
    (tmp_path / "root").mkdir()
    data = tmp_path / "data.json"
    data.write_text("[]")
    checker = Path(unsilent.__file__).parent / "sandbox.py"
    before = checker.read_bytes()
    homes = [Path.home() / "by-attack", tmp_path / "by-attack", Path("/etc/by-attack"), Path("/tmp/by-attack")]  # noqa: S108
    places = [*homes, checker, data, tmp_path / "root" / "homework" / "__init__.py", Path("/usr/lib/by-attack")]
    (tmp_path / "root").rmdir()
    by_python, by_kernel = found(
        attack(attacks.WRITES_OUTSIDE, outside={"paths": [str(path) for path in places]}, cage=Cage(readable=[data]))
    )

    assert set(by_python.values()) <= {"OSError", "FileNotFoundError"}
    assert set(by_kernel.values()) == {NOT_THERE, READ_ONLY}
    assert by_kernel[str(data)] == READ_ONLY
    assert by_kernel[str(checker)] == NOT_THERE
    assert not any(path.exists() for path in homes)
    assert (checker.read_bytes(), data.read_text()) == (before, "[]")


def test_nothing_of_others_is_read(attack: Attack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file but those it needs, no process but its own, no variable that was not meant for it."""
    secret = tmp_path / "secret"
    secret.write_text("s3cret")
    secret.chmod(0o644)
    monkeypatch.setenv("HF_TOKEN", "s3cret")
    repository = Path(unsilent.__file__).parents[1]
    paths = [secret, repository / "pyproject.toml", repository / "unsilent" / "sandbox.py", Path.home() / ".bashrc"]
    got = found(
        attack(
            attacks.READS_WHAT_IS_NOT_ITS_OWN, outside={"paths": [str(path) for path in paths], "judge": os.getpid()}
        )
    )

    assert set(got["files"].values()) <= {NOT_THERE, NOT_PERMITTED, "Permission denied"}
    assert "s3cret" not in str(got)
    assert got["environment"]["HOME"] == "/scratch"
    assert set(got["processes"]) <= {"1", "2"}
    assert got["homes"] == []
    assert set(got["open"]) == {"/dev/null", "pipe"}
    assert (got["host"], got["sys"]) == ("cage", ["devices", "system"])
    assert not {0, os.getuid()} & set(got["user"])


def test_links_in_the_submission_lead_nowhere(attack: Attack, tmp_path: Path) -> None:
    """What lies behind them is not in the cage, unless it is the submission's own."""
    (tmp_path / "secret").write_text("s3cret")
    links = {"link": tmp_path / "secret", "folder": tmp_path, "here": Path("__init__.py")}
    files = {f"homework/{name}": path for name, path in links.items()}
    *outside, inside = found(attack(attacks.FOLLOWS_LINKS, files=files))

    assert outside == [NOT_THERE] * 2
    assert inside.startswith("OUTSIDE")


# --- processes and the kernel


def test_nobody_is_killed(attack: Attack) -> None:
    """Neither parent nor judge: there are no such processes, and number 1 hears nothing from inside."""
    got = found(attack(attacks.KILLS, outside={"judge": os.getpid()}))

    assert got["judge"] == got["judge, at once"] == "ProcessLookupError"


def test_daemons_end_with_it(attack: Attack, scripts: Path) -> None:
    """However often they have changed their leader."""
    assert found(attack(attacks.LEAVES_DAEMONS)) == "left"
    assert running(scripts) == []


def test_there_is_no_way_out(attack: Attack) -> None:
    """Mounts, namespaces, debugging, other users: each is refused, and none is forgotten here."""
    got = found(attack(attacks.LEAVES_THE_CAGE, outside={"calls": CALLS}))

    assert {name: error for name, error in got.items() if error is None} == {}
    assert got["another user"] in ("PermissionError", "OSError")  # not allowed, or no such user in there
    assert got["bounds of its rights"] == ["0000000000000000"] * 5
    assert got["write to /"] == READ_ONLY
    assert {got[name] for name in ("clone3", "calls of another architecture", "calls of tomorrow")} == {
        "Function not implemented"
    }


def test_sockets_reach_nobody(attack: Attack, tmp_path: Path) -> None:
    """Not those that listen on this machine, by whatever kind of address, nor what knows no namespaces."""
    abstract = f"unsilent-{os.getpid()}-{time.monotonic_ns()}"
    with socket.socket() as inet, socket.socket(socket.AF_UNIX) as unix, socket.socket(socket.AF_UNIX) as hidden:
        for one, address in ((inet, ("127.0.0.1", 0)), (unix, str(tmp_path / "s")), (hidden, f"\0{abstract}")):
            one.bind(address)
            one.listen()
        outside = {"port": inet.getsockname()[1], "socket": str(tmp_path / "s"), "abstract": abstract}
        got = found(attack(attacks.OPENS_SOCKETS, outside=outside))
        for one in (inet, unix, hidden):
            one.settimeout(0)
            with pytest.raises(BlockingIOError):
                one.accept()

    unreachable, no_family = "Network is unreachable", "Address family not supported by protocol"
    assert (got["inet"], got["far away"], got["by Python"]) == (unreachable, unreachable, "OSError")
    assert (got["unix"], got["abstract"]) == (NOT_THERE, "Connection refused")
    assert got["raw"] == NOT_PERMITTED
    assert {
        got[name] for name in ("netlink", "packets", "the host of a virtual machine", "the kernel's own cipher")
    } == {no_family}


# --- what it brings along


def test_nothing_is_shadowed(attack: Attack, tmp_path: Path) -> None:
    """Neither a package that a grader has loaded, nor the standard library, nor what Python or pytest run at start."""
    trap = "raise RuntimeError('shadowed')"
    traps = {f"{name}.py": trap for name in ("packaging", "json", "sitecustomize", "usercustomize")}
    files = {**traps, "trap.pth": "import os; os.abort()", "homework/conftest.py": "", "homework/json.py": trap}
    places = found(attack(attacks.SHADOWS, files=files, preload=("packaging",)))

    assert len(places) == 4
    assert not any(path.startswith(str(tmp_path)) for path in places)


def test_pickle_does_its_harm_in_the_cage(attack: Attack, tmp_path: Path) -> None:
    """Where there is none to do."""
    place = tmp_path / "by-attack"

    assert found(attack(attacks.SHIPS_A_PICKLE, outside={"paths": [str(place)]})) in (NOT_THERE, READ_ONLY)
    assert not place.exists()


# --- where there is no cage


@pytest.mark.parametrize("weakly", [False, True], ids=["refused", "weakly"])
def test_without_namespaces(tmp_path: Path, scripts: Path, *, weakly: bool) -> None:
    """Nothing of it is run, unless that will do: then what there is holds, and is said."""
    worlds = scripts / "sandbox_worlds.py"
    worlds.write_text(worlds.read_text() + "\ndef enter(*_):\n    raise OSError('not on this system')\n")
    (scripts / "sandbox_walls.py").write_text("def enclose(_):\n    return []\n\ndef end_with_parent():\n    pass\n")
    root = attacks.write_attack(tmp_path, "def attack():\n    return 'ran'")
    child = run_child(tmp_path / "script.py", {}, root=root, seconds=30.0, cage=Cage(weakly=weakly))

    assert not {*MINIMUM[:4]} & set(child.protections)
    if weakly:
        assert found(child) == "ran"
        assert {*MINIMUM[4:], "an audit hook"} <= set(child.protections)
    else:
        assert child.error == (
            "it was not run: Expected a cage that holds a program that means harm, but got none with "
            f"{', '.join(MINIMUM[:4])} (OSError: not on this system). Where: this system. What to do: run it on Linux, "
            "as a user who may make namespaces; or accept weaker walls."
        )
        assert (child.missing, len(child.told)) == (MINIMUM[:4], 2)


def test_missing_filter_is_refused(tmp_path: Path, scripts: Path) -> None:
    """The kernel is asked what holds, not what was tried: one layer less is found, on an unknown architecture too."""
    calls = scripts / "sandbox_calls.py"
    calls.write_text(calls.read_text() + "\ndef refuse_calls():\n    return True\n")
    root = attacks.write_attack(tmp_path, "def attack():\n    return 'ran'")
    child = run_child(tmp_path / "script.py", {}, root=root, seconds=30.0, cage=Cage())

    assert "a filter of system calls" in child.missing
    assert child.error.startswith("it was not run")


UNPRIVILEGED = """
import json, sys
from pathlib import Path
from unsilent.sandbox import run_child
from unsilent.sandbox_cage import Cage
root = Path(sys.argv[1])
child = run_child(root.parent / "script.py", {}, root=root, seconds=30.0, cage=Cage())
print(json.dumps([child.missing, child.error, child.protections, child.told[-1].content.get("found")]))
"""


def test_unprivileged_user_has_a_cage_as_well() -> None:
    """As nobody, in a namespace of users: the same protections, and no way out."""
    if os.geteuid() != 0:
        pytest.skip("every other test here is run as an unprivileged user already")
    with tempfile.TemporaryDirectory() as name:  # not pytest's own, which is for its user alone
        root = attacks.write_attack(Path(name), attacks.LEAVES_THE_CAGE, calls=CALLS)
        for path in (Path(name), *Path(name).rglob("*")):
            path.chmod(0o755)
        said = next(filter(None, (as_nobody(python, str(root)) for python in (sys.executable, "/usr/bin/python3"))), "")
    if not said:
        pytest.skip("no Python here, or not this checkout, can be read by another user")
    missing, error, protections, got = json.loads(said)
    if missing:
        pytest.skip(f"this system gives an unprivileged user no cage, and nothing was run: {error}")

    assert (error, set(MINIMUM) - set(protections)) == ("", set())
    assert [name for name, answer in got.items() if answer is None] == []


def as_nobody(python: str, root: str) -> str:
    """What a Python prints as another user; nothing where it cannot be started, or cannot read what it needs."""
    environment = {"PYTHONPATH": str(Path(unsilent.__file__).parents[1]), "PYTHONDONTWRITEBYTECODE": "1"}
    options: dict[str, Any] = {"user": 65534, "group": 65534, "extra_groups": [], "cwd": "/", "env": environment}
    try:
        command = [python, "-c", UNPRIVILEGED, root]
        return str(subprocess.run(command, **options, capture_output=True, text=True, check=True, timeout=60).stdout)
    except (OSError, subprocess.CalledProcessError):
        return ""
