"""A process behind the walls is started, listened to and ended, whatever it does."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from unsilent import sandbox
from unsilent.closure import Closure
from unsilent.sandbox import Child, FolderRefused, copied, run_child
from unsilent.sandbox_listening import KEPT_OUTPUT

HEAD = "def run(question, tell, watch):\n"


def ran(folder: Path, body: str, **options: Any) -> Child:  # noqa: ANN401 - those of run_child
    """Run a script with this body, in a folder that is empty but for it."""
    script = folder / "script.py"
    script.write_text(HEAD + "".join(f"    {line}\n" for line in body.splitlines()))
    settings: dict[str, Any] = {"root": folder, "seconds": 30.0}
    return run_child(script, {"asked": 5}, **settings | options)


def contents(child: Child) -> list[dict[str, Any]]:
    """What was told by the script itself."""
    return [dict(line.content) for line in child.told if "protections" not in line.content]


def test_script_gets_the_question_and_tells(tmp_path: Path) -> None:
    """Lines arrive with their times; what is printed is kept apart."""
    child = ran(tmp_path, "print('hello')\ntell({'twice': 2 * question['asked']})\nopen('/dev/null', 'w').write('x')")

    assert (contents(child), child.error, child.output) == ([{"twice": 10}], "", "hello")
    assert 0 < child.told[0].at <= child.told[-1].at <= child.seconds
    assert "an audit hook" in child.protections


def test_script_runs_in_the_root_and_can_read(tmp_path: Path) -> None:
    """Modules and files of the root are there, and nothing waits on stdin."""
    (tmp_path / "beside.py").write_text("ANSWER = 42")
    read = "[os.getcwd(), beside.ANSWER, sys.stdin.read(), len(open('beside.py').read())]"
    body = f"import os, beside, sys\ntell({{'it': {read}}})"

    assert contents(ran(tmp_path, body)) == [{"it": [str(tmp_path), 42, "", 11]}]


def test_environment_is_what_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where base models are, and no secrets."""
    monkeypatch.setenv("SECRET_TOKEN", "x")
    monkeypatch.setenv("HOMEWORK_CACHE_DIR", "/somewhere")
    child = ran(tmp_path, "import os\ntell({'it': [os.environ.get('SECRET_TOKEN'), os.environ['HOMEWORK_CACHE_DIR']]})")

    assert contents(child) == [{"it": [None, "/somewhere"]}]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("import os\nos._exit(3)", "the process ended with 3"),
        ("import os\nos.abort()", "the process ended by SIGABRT"),
        ("import time\ntime.sleep(60)", "it was ended: still running after 1 s"),
        ("while True: print('x' * 10**6)", "it was ended: still running after 1 s"),
        ("while True: tell({'x': 'x' * 10**6})", "it was ended: it told more than 10 MB"),
        ("import os, time\nos.closerange(0, 99)\ntime.sleep(60)", "it was ended: still running after 1 s"),
    ],
    ids=["an error", "an exit", "at once", "a crash", "for ever", "much said", "much told", "all closed"],
)
def test_end_is_told(tmp_path: Path, body: str, error: str) -> None:
    """How it ended, or why it was ended; nothing is raised."""
    assert ran(tmp_path, body, seconds=1.0 if "1 s" in error else 30.0).error == error


def test_nothing_is_left_when_the_judge_is_killed(tmp_path: Path) -> None:
    """The kernel ends the process behind the walls together with the one that started it."""
    (tmp_path / "script.py").write_text(
        "import os, time\ndef run(question, tell, watch):\n    print(os.getpid(), flush=True)\n    time.sleep(60)\n"
    )
    judge = """
import sys
from pathlib import Path
from unsilent import sandbox
sandbox.Listener._take_output = lambda self, blob: print(blob.decode(), flush=True)
sandbox.run_child(Path(sys.argv[1]), {}, root=Path(sys.argv[1]).parent, seconds=60.0)
"""
    command = [sys.executable, "-c", judge, str(tmp_path / "script.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        behind = int(process.stdout.readline())
        process.kill()
    deadline = time.monotonic() + 20
    while _is_running(behind) and time.monotonic() < deadline:
        time.sleep(0.01)

    assert not _is_running(behind)


def _is_running(process: int) -> bool:
    """Whether it is there, and has not ended without anybody having asked for its status."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_signal_without_a_name(tmp_path: Path) -> None:
    """A real-time signal."""
    assert ran(tmp_path, "import os\nos.kill(os.getpid(), 40)").error == "the process ended by signal 40"


def test_output_is_the_end_of_it(tmp_path: Path) -> None:
    """Whoever prints much is heard last."""
    child = ran(tmp_path, "print('x' * 10**7)\nprint('last')")

    assert child.output.endswith("xx\nlast")
    assert len(child.output) <= KEPT_OUTPUT


def test_lines_that_are_no_objects_are_passed_over(tmp_path: Path) -> None:
    """Whatever a submission finds and writes into, only objects are taken."""
    lines = r"(b'[1]\n', b'{\n', b'[' * 10**5 + b'\n', b'\xff\n')"
    body = f"import os\nfor one in {lines}:\n    os.write(3, one)\ntell({{'it': 1}})"
    child = ran(tmp_path, body)

    assert contents(child)[-1:] == [{"it": 1}]


def test_protections_are_texts(tmp_path: Path) -> None:
    """A line that says otherwise adds none."""
    with_lie = ran(tmp_path, "tell({'protections': 5})").protections

    assert with_lie == ran(tmp_path, "pass").protections


def test_next_limit_begins_anew(tmp_path: Path) -> None:
    """A line may set how long it may take from there on."""
    body = "import time\ntell({'wait': 30})\ntime.sleep(2.5)\ntell({'wait': 0.2})\ntime.sleep(60)"
    child = ran(tmp_path, body, seconds=2.0, next_limit=lambda line: line.get("wait"))

    assert child.error == "it was ended: still running after 0.2 s"
    assert len(contents(child)) == 2


def test_what_it_started_ends_with_it(tmp_path: Path) -> None:
    """A process that holds the pipes open is not waited for, and does not go on."""
    body = (
        "import subprocess, sys\n"
        "one = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "tell({'it': one.pid})"
    )
    began = time.monotonic()
    child = ran(tmp_path, body)
    (line,) = contents(child)

    assert time.monotonic() - began < 20
    for _ in range(100):
        if not is_running(line["it"]):
            break
        time.sleep(0.05)
    assert not is_running(line["it"])


def is_running(number: int) -> bool:
    """Whether a process is there, and no zombie."""
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_python_that_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said, not raised."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))

    assert "could not be started (FileNotFoundError" in ran(tmp_path, "pass").error


def test_child_that_does_not_listen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that nobody reads is given up."""
    (tmp_path / "deaf.py").write_text("import os; os._exit(7)")
    monkeypatch.setattr(sandbox, "SCRIPT", tmp_path / "deaf.py")
    child = run_child(tmp_path, {"long": "x" * 10**6}, root=tmp_path, seconds=30.0)

    assert (child.told, child.error) == ((), "the process ended with 7")


def test_packages_can_be_limited(tmp_path: Path) -> None:
    """What is not among them cannot be imported; the root and the standard library can."""
    (tmp_path / "beside.py").write_text("")
    body = "import json, beside\ntry:\n    import pytest\nexcept ImportError as error:\n    tell({'it': str(error)})"
    limited = ran(tmp_path, body, packages=Closure(frozenset(), frozenset(), ()))

    assert contents(limited)[-1] == {"it": "No module named 'pytest'"}
    assert contents(ran(tmp_path, body)) == []


def test_copy_has_nothing_beside_it(tmp_path: Path) -> None:
    """Under its own name, whole, and gone afterwards; the folder itself is left as it is."""
    folder = tmp_path / "my homework ü"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a.txt").write_text("a")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "a.pyc").write_text("a")
    (folder / "checkpoint-4").mkdir()
    (folder / "checkpoint-4" / "optimizer.pt").write_text("a")
    (tmp_path / "secret").write_text("s")
    (folder / "out").symlink_to(tmp_path / "secret")
    (folder / "in").symlink_to(folder / "sub" / "a.txt")
    (folder / "nowhere").symlink_to(folder / "nothing")
    os.mkfifo(folder / "pipe")
    with copied(folder) as copy:
        there = sorted(str(path.relative_to(copy.parent)) for path in copy.parent.rglob("*"))

    assert there == [f"my homework ü{end}" for end in ("", "/in", "/sub", "/sub/a.txt")]
    assert not copy.exists()


def test_copy_of_chosen_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those alone; a folder named by a dot has its own name."""
    folder = tmp_path / "homework"
    folder.mkdir()
    for name in "abc":
        (folder / name).write_text(name)
    monkeypatch.chdir(folder)
    with copied(Path(), [Path("a"), Path("c")]) as copy:
        there = sorted(path.name for path in copy.iterdir())

    assert (copy.name, there) == ("homework", ["a", "c"])


def test_what_the_grader_has_lies_beside_the_copy(tmp_path: Path) -> None:
    """The data sets, where a submission looks for them, and nothing else."""
    (tmp_path / "homework").mkdir()
    (tmp_path / "homework" / "a.py").touch()
    (tmp_path / "rows.json").write_text("[]")
    with copied(tmp_path / "homework", beside={"data/valid.json": tmp_path / "rows.json"}) as copy:
        beside = sorted(path.relative_to(copy.parent).as_posix() for path in copy.parent.rglob("*.*"))

    assert beside == ["data/valid.json", "homework/a.py"]


def test_data_sets_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies beside the copy takes room as well."""
    (tmp_path / "homework").mkdir()
    (tmp_path / "rows.json").write_text("[1]")
    monkeypatch.setattr(sandbox, "LARGEST_FOLDER", 2)

    with (
        pytest.raises(FolderRefused, match=r"0\.0 GB, more than"),
        copied(tmp_path / "homework", beside={"data/rows.json": tmp_path / "rows.json"}),
    ):
        pass


def test_folder_that_cannot_be_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No folder, a file, too much, or a file that is not there: each is said."""
    (tmp_path / "a.zip").write_text("12345")
    for path, files, got in (
        (tmp_path / "none", None, "no such folder"),
        (tmp_path / "a.zip", None, "a file, no folder"),
        (tmp_path, [Path("b")], "files that cannot be copied .FileNotFoundError"),
    ):
        with pytest.raises(FolderRefused, match=got), copied(path, files):
            pass
    monkeypatch.setattr(sandbox, "LARGEST_FOLDER", 4)
    with pytest.raises(FolderRefused, match="more than the 4e-09 GB that are copied"), copied(tmp_path):
        pass
