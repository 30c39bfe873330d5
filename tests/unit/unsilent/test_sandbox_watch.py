"""What Python sees is refused as the system would, traced to the submission's line, and known again in an error."""

from __future__ import annotations

import errno
import importlib
import importlib.machinery
import importlib.metadata
import os
import socket
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unsilent import sandbox_watch
from unsilent.sandbox_watch import Limited, Watch, chain, changed_paths, in_words

WRITE = os.O_WRONLY | os.O_CREAT
Lines = list[dict[str, Any]]


@pytest.fixture
def lines() -> Lines:
    """What is told."""
    return []


@pytest.fixture
def watch(tmp_path: Path, lines: Lines) -> Watch:
    """One that allows json alone, in the phase ``sft``."""
    for name in ("root", "scratch"):
        (tmp_path / name).mkdir()
    made = Watch(str(tmp_path / "root"), str(tmp_path / "scratch"), ["numpy"], lines.append)
    made.phase = "sft"
    return made


@pytest.fixture
def _there(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in the root, where one file is."""
    monkeypatch.chdir(watch.root)
    Path("there").write_text("x")


def as_file(stands_in: Path, body: str, **names: object) -> Callable[..., Any]:
    """Define ``act`` as if it stood in a file, on its second line."""
    scope: dict[str, Any] = dict(names)
    exec(compile(f"def act(*given):\n    {body}\n", str(stands_in), "exec"), scope)  # noqa: S102 - our own lines
    return scope["act"]  # type: ignore[no-any-return] # a function


def refused(watch: Watch, event: str, *arguments: object) -> OSError | None:
    """What the hook raises."""
    try:
        watch.judge(event, arguments)
    except OSError as error:
        return error
    return None


@pytest.mark.parametrize(
    ("event", "arguments"),
    [
        ("open", ("new", "w", WRITE)),
        ("open", ("there", "a", os.O_WRONLY | os.O_APPEND)),
        ("open", (b"there", None, os.O_RDWR)),
        ("os.mkdir", ("new", 0o777, -1)),
        ("os.symlink", ("anything", "new", -1)),
        ("os.link", ("there", "new", -1, -1)),
        ("os.remove", (Path("there"), -1)),
        ("os.rename", ("there", "new", -1, -1)),
        ("os.truncate", ("there", 0)),
        ("os.chmod", ("there", 0o600, -1)),
        ("os.utime", ("there", None, None, -1)),
    ],
    ids=repr,
)
@pytest.mark.usefixtures("_there")
def test_change_is_refused(watch: Watch, lines: Lines, event: str, arguments: tuple[Any, ...]) -> None:
    """As on a read-only file system, and told once."""
    errors = [refused(watch, event, *arguments) for _ in range(2)]
    name = "there" if arguments[0] in ("there", b"there", Path("there")) and event not in sandbox_watch.MAKES else "new"
    name = "there" if event == "os.rename" else name

    assert [error and error.errno for error in errors] == [errno.EROFS, errno.EROFS]
    assert lines == [{"refused": {"kind": "write", "what": name, "where": "", "phase": "sft"}}]


@pytest.mark.parametrize(
    ("event", "arguments"),
    [
        ("open", ("there", "r", os.O_RDONLY)),
        ("open", ("there", "r", None)),
        ("open", (1, "w", WRITE)),
        ("open", ("none/new", "w", WRITE)),
        ("open", ("new", "r+", os.O_RDWR)),
        ("open", ("/dev/null", "w", WRITE)),
        ("os.mkdir", ("there", 0o777, -1)),
        ("os.remove", ("new", -1)),
        ("os.truncate", (1, 0)),
        ("os.listdir", (".",)),
        ("socket.getaddrinfo", ("localhost", 80, 0, 0, 0)),
        ("socket.getaddrinfo", (None, 80, 0, 0, 0)),
        ("socket.getaddrinfo", ("fe80::1", 80, 0, 0, 0)),
        ("socket.gethostbyname", (b"1.2.3.4",)),
        ("import", ("x", None, None, None, None)),
    ],
    ids=repr,
)
@pytest.mark.usefixtures("_there")
def test_what_changes_nothing_is_let_by(watch: Watch, lines: Lines, event: str, arguments: tuple[Any, ...]) -> None:
    """Reading, devices, open files, and what fails by itself with another error."""
    assert refused(watch, event, *arguments) is None
    assert lines == []


def test_link_to_nowhere_is_a_file_to_be_made(tmp_path: Path) -> None:
    """Opened for writing, it makes what it leads to."""
    (tmp_path / "link").symlink_to(tmp_path / "nothing")

    assert changed_paths("open", (str(tmp_path / "link"), "w", WRITE)) == [str(tmp_path / "link")]


def test_submission_may_write_to_a_scratch_of_its_own(watch: Watch, lines: Lines, tmp_path: Path) -> None:
    """In a cage; nowhere else, there as well."""
    watch.may_write = True
    own = as_file(tmp_path / "root" / "homework" / "sft.py", "watch.judge('open', (path, 'w', FLAGS))",
                  watch=watch, path=str(tmp_path / "scratch" / "x"), FLAGS=WRITE)  # fmt: skip
    own()

    assert lines == []
    with pytest.raises(OSError, match="Read-only"):
        watch.judge("open", (str(tmp_path / "x"), "w", WRITE))


def test_library_may_write_to_the_scratch_folder(watch: Watch, lines: Lines, tmp_path: Path) -> None:
    """As torch does when it is imported; the submission may not, by itself or through the standard library."""
    path = str(tmp_path / "scratch" / "x")
    library = as_file(Path("/usr/lib/python3/dist-packages/lib.py"), "watch.judge('open', (path, 'w', FLAGS))",
                      watch=watch, path=path, FLAGS=WRITE)  # fmt: skip
    standard = as_file(Path(os.__file__).parent / "zz.py", "watch.judge('open', (path, 'w', FLAGS))",
                       watch=watch, path=path, FLAGS=WRITE)  # fmt: skip
    own = tmp_path / "root" / "homework" / "sft.py"
    library()
    as_file(own, "given[0]()")(library)

    assert lines == []
    with pytest.raises(OSError, match="Read-only"):
        as_file(own, "given[0]()")(standard)
    assert lines[0]["refused"]["where"] == "homework/sft.py:2"


def test_nobody_asked(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack of nothing but the standard library, as in a thread's clean-up."""
    monkeypatch.setattr(watch, "_is_standard", lambda _: True)

    assert not watch._is_asked_by_submission()


@pytest.mark.parametrize(
    ("event", "arguments", "kind"),
    [
        ("socket.connect", ("1.2.3.4", 5), OSError),
        ("socket.sendto", ("1.2.3.4", 5), OSError),
        ("socket.getaddrinfo", ("example.com", 80), socket.gaierror),
        ("socket.gethostbyname", ("example.com",), socket.gaierror),
    ],
)
def test_network_is_refused(
    watch: Watch, lines: Lines, event: str, arguments: tuple[Any, ...], kind: type[OSError]
) -> None:
    """As where there is none."""
    with socket.socket() as one:
        full = (one, arguments) if event in sandbox_watch.CONNECTS else arguments
        error = refused(watch, event, *full)

    assert type(error) is kind
    assert lines[0]["refused"]["kind"] == "network"
    assert lines[0]["refused"]["what"] in ("1.2.3.4:5", "example.com")


def test_local_sockets_are_let_through(watch: Watch) -> None:
    """And what is sent over a connection that is there."""
    with socket.socket(socket.AF_UNIX) as one, socket.socket() as other:
        assert refused(watch, "socket.connect", one, "x") is None
        assert refused(watch, "socket.sendmsg", other, None) is None
        assert refused(watch, "socket.connect", other, b"packed") is not None


def test_nothing_is_told_before_a_phase(watch: Watch, lines: Lines) -> None:
    """What libraries try while they are imported is nobody's doing."""
    watch.phase = ""
    refused(watch, "socket.gethostbyname", "example.com")

    assert lines == []


def test_telling_has_an_end(watch: Watch, lines: Lines) -> None:
    """A loop may try for ever; what was fatal is told all the same."""
    for number in range(sandbox_watch.MOST_TOLD + 50):
        error = refused(watch, "socket.gethostbyname", f"example-{number}.com")
    assert error
    watch.explain(error)

    assert len(lines) == sandbox_watch.MOST_TOLD + 1
    assert "fatal" in lines[-1]


def fatal(lines: Lines) -> list[tuple[str, str, str]]:
    """What was told to be fatal."""
    return [(one["kind"], one["what"], one["where"]) for line in lines for one in [line.get("fatal")] if one]


def test_refusal_is_known_again(watch: Watch, lines: Lines, tmp_path: Path) -> None:
    """Raised from it, raised while it was handled, or hidden with ``from None``."""
    act = as_file(tmp_path / "root" / "homework" / "sft.py", "watch.judge('socket.gethostbyname', given)", watch=watch)
    wrapped = as_file(
        tmp_path / "root" / "homework" / "a.py",
        "try: ask('example.com')\n    except OSError: raise RuntimeError('no server') from None",
        ask=act,
    )
    with pytest.raises(RuntimeError) as caught:
        wrapped()

    assert watch.explain(caught.value) == "RuntimeError: no server"
    assert fatal(lines) == [("network", "example.com", "homework/sft.py:2")]


def test_error_that_came_of_nothing_refused(watch: Watch, lines: Lines) -> None:
    """What was refused and done without is no cause of what comes later."""
    refused(watch, "socket.gethostbyname", "example.com")

    assert watch.explain(ValueError("something else")) == "ValueError: something else"
    assert fatal(lines) == []


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (RuntimeError("open failed: Read-only file system"), ("write", "a file", "")),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), ("network", "a connection", "")),
        (ConnectionError("Cannot reach https://x: offline mode is enabled."), ("network", "a connection", "")),
    ],
    ids=["written by C", "connected by C", "the hub's client"],
)
def test_words_of_the_system(watch: Watch, lines: Lines, error: Exception, cause: tuple[str, str, str]) -> None:
    """What the first layer refuses to code that Python does not see."""
    watch.explain(error)

    assert fatal(lines) == [cause]


def imported(watch: Watch, name: str, tmp_path: Path) -> BaseException:
    """The error of an import in a submission, under the limited finder."""
    limited = Limited(sys.meta_path, ["pytest"], watch)
    body = f"given[0]({name!r})"

    def find(module: str) -> None:
        if limited.find_spec(module) is None:
            message = f"No module named {module!r}"
            raise ModuleNotFoundError(message, name=module)

    with pytest.raises(ModuleNotFoundError) as caught:
        as_file(tmp_path / "root" / "homework" / "sft.py", body)(find)
    return caught.value


@pytest.mark.parametrize("name", ["hypothesis", "zz_nowhere"], ids=["hidden", "not installed"])
def test_package_that_a_grader_has_not(watch: Watch, lines: Lines, tmp_path: Path, name: str) -> None:
    """Whether it is installed here or not."""
    watch.explain(imported(watch, name, tmp_path))

    assert fatal(lines) == [("import", name, "homework/sft.py:2")]


@pytest.mark.parametrize("name", ["homework.lost", "numpy.lost", "json.lost"])
def test_module_that_should_be_there(watch: Watch, lines: Lines, tmp_path: Path, name: str) -> None:
    """A part of the submission, or of what is allowed, is not another package."""
    (tmp_path / "root" / "homework").mkdir()
    watch.explain(ModuleNotFoundError("x", name=name))
    watch.explain(ModuleNotFoundError("no name"))

    assert fatal(lines) == []


def test_library_that_needs_another(watch: Watch, lines: Lines) -> None:
    """It has asked before, was told that there is none, and says later by its name what it needs."""
    assert Limited(sys.meta_path, [], watch).find_spec("hypothesis") is None
    watch.explain(ImportError("Reading this needs hypothesis: pip install hypothesis"))
    watch.explain(ImportError("something with hypothesislike words"))

    assert fatal(lines) == [("import", "hypothesis", "")]


def test_submission_that_asks_for_a_package(watch: Watch, lines: Lines, tmp_path: Path) -> None:
    """Told at once, in case it does without; what a library asks for is not."""
    limited = Limited(sys.meta_path, [], watch)
    as_file(tmp_path / "root" / "homework" / "sft.py", "given[0].find_spec('pytest')")(limited)
    limited.find_spec("hypothesis")

    assert lines == [{"refused": {"kind": "import", "what": "pytest", "where": "homework/sft.py:2", "phase": "sft"}}]
    assert watch.hidden == {"pytest": "homework/sft.py:2", "hypothesis": ""}


def test_everything_is_allowed_without_a_list(tmp_path: Path) -> None:
    """For a script that is ours."""
    assert Watch(str(tmp_path), str(tmp_path), None, lambda _: None).may_import("pytest")


def test_finder_shows_what_is_allowed(watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The standard library, listed packages and parts of them, and what lies in the root, a plain folder too."""
    (tmp_path / "root" / "own.py").write_text("")
    (tmp_path / "root" / "plain").mkdir()
    monkeypatch.syspath_prepend(tmp_path / "root")
    limited = Limited(sys.meta_path, [], watch)

    for name in ("json", "json.decoder", "numpy", "own", "plain", "_sysconfigdata__x"):
        path = importlib.import_module("json").__path__ if "." in name else None
        assert bool(limited.find_spec(name, path)) == (name != "_sysconfigdata__x"), name
    for name in ("pytest", "hypothesis", "zz_nowhere"):
        assert limited.find_spec(name) is None


def test_finder_shows_what_an_allowed_package_holds(watch: Watch, tmp_path: Path) -> None:
    """Its copy of another one, on a path that it has added; not the other one itself, beside it."""
    copy = tmp_path / "site-packages" / "numpy" / "vendor"
    copy.mkdir(parents=True)
    for folder in (copy, tmp_path / "site-packages"):
        (folder / "zz_other.py").write_text("")
        finder = importlib.machinery.FileFinder(str(folder), (importlib.machinery.SourceFileLoader, [".py"]))
        shown = Limited([finder_of(finder)], [], watch).find_spec("zz_other")
        assert bool(shown) == (folder == copy)


def finder_of(finder: importlib.machinery.FileFinder) -> Any:  # noqa: ANN401 - a meta path finder
    """Let a finder of one folder be asked as those of the whole path are."""
    return types.SimpleNamespace(find_spec=lambda name, *_: finder.find_spec(name))


def test_finder_shows_metadata_of_what_is_allowed(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library asks for versions before it imports."""
    monkeypatch.setattr(sys, "meta_path", [Limited([*sys.meta_path, object()], ["numpy", "typing-extensions"], watch)])
    importlib.invalidate_caches()

    assert importlib.metadata.version("typing_extensions")
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        importlib.metadata.version("hypothesis")


def test_chain_ends() -> None:
    """Also where an error is its own cause."""
    error, other = ValueError("a"), ValueError("b")
    error.__cause__, other.__context__ = other, error

    assert list(chain(error)) == [error, other]


class Mute(Exception):
    """Cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("two\nlines \x1b[31m"), "ValueError: two lines [31m"),
        (ValueError(), "ValueError"),
        (Mute(), "Mute"),
        (ValueError("x" * 1000), "ValueError: " + "x" * 300),
    ],
    ids=["control characters", "empty", "mute", "long"],
)
def test_error_in_words(error: Exception, words: str) -> None:
    """One line, not too long."""
    assert in_words(error) == words
