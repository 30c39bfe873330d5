"""What a program touches while it is watched is noted, once each; nothing else is."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from unsilent import touched as touched_module
from unsilent.touched import Touched, unwatched, watched

SLEEP = "import sys; print('ready', flush=True); sys.stdin.read()"


def write(path: Path) -> Path:
    """A file with a line in it."""
    path.write_text("1\n")
    return path


def test_files_are_noted_when_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By absolute path, once, however they are opened; written ones are not, nor what is opened by number."""
    first, second = write(tmp_path / "a.json"), write(tmp_path / "b.bin")
    monkeypatch.chdir(tmp_path)
    with watched() as seen:
        Path("a.json").read_text()
        first.read_text()
        number = os.open(os.fsencode(second), os.O_RDONLY)
        os.fdopen(number).close()
        write(tmp_path / "c.txt")

    assert seen.files == [str(first), str(second)]
    monkeypatch.undo()


def test_databases_are_noted(tmp_path: Path) -> None:
    """Which are opened by compiled code; one in memory is no file."""
    path = tmp_path / "a.db"
    with watched() as seen:
        for name in (str(path), f"file:{path}?mode=ro", ":memory:"):
            sqlite3.connect(name, uri=True).close()

    assert seen.files == [str(path)]


def test_nothing_is_noted_before_and_after(tmp_path: Path) -> None:
    """Nor what the probe itself does inside, also on leaving one of two blocks."""
    path = write(tmp_path / "a.json")
    with watched() as seen, unwatched():
        with unwatched():
            path.read_text()
        path.read_text()
    path.read_text()

    assert seen == Touched(helpers=seen.helpers)


def test_other_threads_are_watched(tmp_path: Path) -> None:
    """A program may read elsewhere; who watches within another watch sees the same."""
    path = write(tmp_path / "a.json")
    with watched() as outer:
        with watched() as inner, unwatched():
            thread = threading.Thread(target=path.read_text)
            thread.start()
            thread.join()
        path.with_name("b").touch()

    assert inner.files == outer.files == [str(path)]


def test_connections_are_noted(tmp_path: Path) -> None:
    """By name, by address, by path, also without a connection."""
    with watched() as seen:
        socket.getaddrinfo("127.0.0.1", 9)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            datagrams.sendto(b"", ("127.0.0.1", 9))
        with socket.socket(socket.AF_UNIX) as local, pytest.raises(OSError, match="No such file"):
            local.connect(str(tmp_path / "socket"))

    assert seen.sockets == ["127.0.0.1:9", str(tmp_path / "socket")]


def test_programs_are_noted() -> None:
    """Those that are started, however; and those that are still alive."""
    with watched() as seen:
        os.system("true")  # noqa: S605, S607 - what is watched for
        with subprocess.Popen([sys.executable, "-c", SLEEP], stdin=-1, stdout=-1) as child:
            assert child.stdout is not None
            child.stdout.readline()
            with watched() as later:
                pass

    assert seen.processes == ["true", f"{sys.executable} -c {SLEEP}"]
    assert f"{sys.executable} -c {SLEEP}" in later.helpers
    assert f"{sys.executable} -c {SLEEP}" not in seen.helpers


EVENTS: dict[str, tuple[str, tuple[object, ...], str, str]] = {
    "file": ("open", ("/x/../a", "r", os.O_RDONLY), "files", "/a"),
    "file to read and write": ("open", (b"/a", None, os.O_RDWR), "files", "/a"),
    "database": ("sqlite3.connect", (b"/a.db",), "files", "/a.db"),
    "database by address": ("sqlite3.connect", ("file:/a.db?mode=ro",), "files", "/a.db"),
    "connection": ("socket.connect", (None, ("::1", 9, 0, 0)), "sockets", "::1:9"),
    "local connection": ("socket.connect", (None, b"/socket"), "sockets", "/socket"),
    "name": ("socket.getaddrinfo", ("host", 80, 0, 0, 0), "sockets", "host:80"),
    "program": ("subprocess.Popen", (None, ["a", Path("b")], None, None), "processes", "a b"),
    "shell": ("os.system", (b"a b",), "processes", "a b"),
    "fork": ("os.fork", (), "processes", "fork"),
    "replaced process": ("os.exec", ("/bin/x", ["x"], None), "processes", "/bin/x"),
    "library": ("ctypes.dlopen", ("libx.so",), "libraries", "libx.so"),
    "import": ("import", ("json.tool", None), "imports", "json.tool"),
}  # fmt: skip
SILENT: dict[str, tuple[str, tuple[object, ...]]] = {
    "written file": ("open", ("a", "w", os.O_WRONLY | os.O_CREAT)),
    "file by number": ("open", (3, "r", os.O_RDONLY)),
    "database in memory": ("sqlite3.connect", (":memory:",)),
    "database without a name": ("sqlite3.connect", ("",)),
    "program itself": ("ctypes.dlopen", (None,)),
    "other event": ("os.listdir", ("/",)),
    "strange event": ("open", ("a",)),
    "strange address": ("socket.connect", (None, 3)),
}  # fmt: skip


# called as Python calls it, which does not let coverage look into an audit hook
@pytest.mark.parametrize(("event", "args", "field", "expected"), EVENTS.values(), ids=EVENTS.keys())
def test_event_is_noted_once(event: str, args: tuple[object, ...], field: str, expected: str) -> None:
    """In words."""
    with watched() as seen:
        touched_module._hear(event, args)
        sys.audit(event, *args)

    assert getattr(seen, field) == [expected]


@pytest.mark.parametrize(("event", "args"), SILENT.values(), ids=SILENT.keys())
def test_event_is_not_noted(event: str, args: tuple[object, ...]) -> None:
    """What is of no interest, or not understood: an error would be raised in the program that is watched."""
    with watched() as seen:
        touched_module._hear(event, args)
        with unwatched():
            touched_module._hear("os.fork", ())
    touched_module._hear("os.fork", ())

    assert seen == Touched(helpers=seen.helpers)


def test_hook_is_installed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It can never be taken off again."""
    installed: list[object] = []
    monkeypatch.setattr(touched_module, "_installed", [])
    monkeypatch.setattr(sys, "addaudithook", installed.append)
    for _ in range(2):
        with watched():
            pass

    assert installed == [touched_module._hear]


def test_watch_ends_with_an_exception() -> None:
    """Whatever the program raises."""
    with pytest.raises(ZeroDivisionError), watched():
        print(1 / 0)

    assert touched_module._watching == []
