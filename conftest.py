"""Guards around every test: nothing reaches the network, nothing global is left behind, nothing goes undocumented.

A test that changes the working directory, the environment or torch's default dtype fails in its teardown, by name.
Random states are put back after every test, because training seeds them and may. Collection stops when a test lacks
a docstring or a regression file lacks its mark.
"""

from __future__ import annotations

import gc
import json
import os
import random
import re
import shutil
import signal
import socket
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from unsilent.failures import FAILURES

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from playwright.sync_api import Browser

ROOT = Path(__file__).parent
os.environ["HF_HUB_OFFLINE"] = "1"  # before anything imports the hub's client, which reads it once
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell has it for what it starts in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)
LOOPBACK = ("127.", "::1", "localhost")
COVERED_CHILDREN = "COVERAGE_PROCESS_CONFIG"  # coverage's patch for child processes looks for it there
# pytest writes the current test's name there itself; torch names a folder when its compiler is first imported; coverage
# writes its own when it goes on after a test that is not traced
OWN_VARIABLES = {"PYTEST_CURRENT_TEST", "TORCHINDUCTOR_CACHE_DIR", COVERED_CHILDREN}
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET_CHROMIUM = [  # as root, without a screen, and without calls to its maker
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


class NetworkUsed(BaseException):  # not an Exception: code under test that handles those must not swallow it
    """A test tried to leave the machine."""


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    """Refuse every connection but those to this machine."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else None
        if host is not None and not str(host).startswith(LOOPBACK):
            message = f"Expected no network in tests, but got a connection to {address}. Use a canned answer."
            raise NetworkUsed(message)
        real(self, address)  # type: ignore[arg-type] # whatever the caller passed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect)
        yield


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    """Compare the process before and after each test; put random states back."""
    states = _random_states()
    before = _globals()
    yield
    _restore(states)
    after = _globals()
    left = [f"{name} (was {was!r}, is {now!r})" for name, was, now in _changes(before, after)]
    if left:
        _put_back(before)
        pytest.fail("The test left behind: " + "; ".join(left))


def _globals() -> dict[str, object]:
    environment = {name: value for name, value in os.environ.items() if name not in OWN_VARIABLES}
    torch = sys.modules.get("torch")
    return {
        "working directory": str(Path.cwd()),
        "environment": environment,
        # what torch begins with, so that importing it is no change
        "default dtype": str(torch.get_default_dtype()) if torch else "torch.float32",
    }


def _changes(before: dict[str, object], after: dict[str, object]) -> Iterator[tuple[str, object, object]]:
    """Yield what differs; of the environment the variables alone, since the rest of it is nobody's business."""
    for name, was in before.items():
        now = after[name]
        if isinstance(was, dict) and isinstance(now, dict):
            for variable in sorted(was.keys() | now.keys()):
                if was.get(variable) != now.get(variable):
                    yield f"environment, {variable}", was.get(variable), now.get(variable)
        elif was != now:
            yield name, was, now


def _put_back(before: dict[str, object]) -> None:
    os.chdir(str(before["working directory"]))
    environment = before["environment"]
    assert isinstance(environment, dict)
    for name in set(os.environ) - set(environment) - OWN_VARIABLES:
        del os.environ[name]
    os.environ.update(environment)
    torch = sys.modules.get("torch")
    if torch:
        torch.set_default_dtype(getattr(torch, str(before["default dtype"]).removeprefix("torch.")))


def _random_states() -> dict[str, object]:
    states: dict[str, object] = {"random": random.getstate()}
    if "numpy" in sys.modules:
        states["numpy"] = sys.modules["numpy"].random.get_state()
    if "torch" in sys.modules:
        states["torch"] = sys.modules["torch"].get_rng_state()
    return states


def _restore(states: dict[str, object]) -> None:
    random.setstate(states["random"])  # type: ignore[arg-type] # what getstate returned
    if "numpy" in states:
        sys.modules["numpy"].random.set_state(states["numpy"])
    if "torch" in states:
        sys.modules["torch"].set_rng_state(states["torch"])


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the other folders unread when only regression tests are wanted: importing them takes seconds."""
    only = re.fullmatch("regression( and not \\w+)*", config.option.markexpr) and not config.option.keyword
    # what is inside of them: folders of ``testpaths`` themselves are asked for, and so never ignored
    others = (ROOT / "tests" / "unit", ROOT / "tests" / "gpu")
    return True if only and any(folder in collection_path.parents for folder in others) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Stop when a test is undocumented, or a regression file does not say what it is about."""
    complaints = [complaint for item in items if isinstance(item, pytest.Function) for complaint in _complaints(item)]
    if complaints:
        raise pytest.UsageError("\n".join(complaints))


def pytest_collection_finish() -> None:
    """Take what is imported by now, and stays, out of the garbage collector's sight.

    Every Trainer collects garbage when it ends: 0.24 of the 0.72 s of a tiny training went into looking at torch's and
    transformers' own objects again, and more with all tests collected.
    """
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    """Look once for garbage that is left, where pytest looks five times through everything that was ever imported."""
    gc.collect()
    gc.freeze()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Trace for coverage what is there to take modules through their lines: tracing doubles the time of a test.

    The tiny base goes through the same lines as the real one; what stands above the folders of the packages is about
    the house, its tools and whole families of subjects.
    """
    traced = item.path.parent != ROOT / "tests" / "unit" and not item.get_closest_marker("base")
    if not traced and item.config.pluginmanager.hasplugin("pytest_cov"):
        item.add_marker("no_cover")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Start workers that are not traced as children of this process; see below."""
    os.environ.pop(COVERED_CHILDREN, None)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Have a worker traced once: by what pytest-cov is about to start, and pauses for what is marked ``no_cover``.

    While it reads its options, a worker takes itself for the process that has workers and starts to trace, too. What
    one stops the other would go on with, and everything would be as slow as if it had to be traced.
    """
    plugin = session.config.pluginmanager.getplugin("_cov")
    if plugin is not None and hasattr(session.config, "workerinput"):
        plugin.cov_controller.cov.stop()
        plugin.cov_controller.cov.save()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Leave the children of an untraced test untraced."""
    patch = pytest.MonkeyPatch()
    if item.get_closest_marker("no_cover"):
        patch.delenv(COVERED_CHILDREN, raising=False)
    try:
        return (yield)
    finally:
        patch.undo()


def _complaints(item: pytest.Function) -> Iterator[str]:
    if not (item.function.__doc__ or "").strip():
        yield f"{item.nodeid}: expected a docstring that states the behaviour"
    if item.path.parent != ROOT / "tests" / "regression":
        return
    mark = item.get_closest_marker("failure")
    slug = str(mark.args[0]) if mark and mark.args else ""
    if slug not in FAILURES or item.get_closest_marker("regression") is None:
        yield f"{item.nodeid}: expected marks regression and failure(slug), with a slug of the catalogue"
    elif item.path.name != f"test_{slug.replace('-', '_')}.py":
        yield f"{item.nodeid}: expected the file to be named after its slug {slug}"


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a 2-layer Llama and a byte tokenizer, loadable like any base model."""
    import support  # noqa: PLC0415 - torch only where it is used

    return support.write_tiny_base(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture(scope="session")
def ranked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What two processes returned for every scenario of ``tests/ranked.py``; started once for all workers."""
    from filelock import FileLock  # noqa: PLC0415 - only where processes are started

    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if os.environ.get("PYTEST_XDIST_WORKER") else shared
    results = shared / "ranked.json"
    with FileLock(shared / "ranked.lock"):
        if not results.is_file():
            import support  # noqa: PLC0415 - torch only where it is used

            done = support.start_two(str(ROOT / "tests" / "ranked.py"), str(results))
            assert done.returncode == 0, done.stderr
    return dict(json.loads(results.read_text()))


@pytest.fixture(scope="session")
def trained_once(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter of four steps with its manifest, trained once a process: to be copied, never changed."""
    import support  # noqa: PLC0415 - torch only where it is used

    return support.train_for_copies(tiny_base, tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="session")
def reasoning_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny base that reasons about ``support.REASONED_ROWS``, trained once a process; see ``reasoning_home``."""
    import support  # noqa: PLC0415 - torch only where it is used

    with pytest.MonkeyPatch.context() as patch:
        support.short_worked_examples(patch)
        return support.write_reasoning_base(tmp_path_factory.mktemp("reasoning") / "base")


@pytest.fixture
def reasoning_home(tmp_path: Path, reasoning_base: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory in which rejection sampling works: that base, its five questions and two it cannot answer."""
    import support  # noqa: PLC0415 - torch only where it is used

    support.short_worked_examples(monkeypatch)
    rows = [*support.FIVE_ROWS, ("How many mi are 9 km?", 5.5923), ("Convert 8 h to min.", 480.0)]
    (tmp_path / "data").mkdir()
    others = [("How many cm are in 4 m?", 400.0), ("What is 3 kg in g?", 3000.0), ("Convert 2 ft to in.", 24.0)]
    for split, content in (("train", rows), ("valid", others)):
        (tmp_path / "data" / f"{split}.json").write_text(json.dumps(content))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOMEWORK_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("HOMEWORK_CHECKPOINT", str(reasoning_base))
    return tmp_path


@pytest.fixture
def children_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """What child processes do for an inspection is done here, where torch is loaded; their own tests start them."""
    from unsilent import base_script, base_shapes, pickle_script, pickled_tensors  # noqa: PLC0415 - only where used

    def ask(question: str) -> dict[str, Any]:
        asked = json.loads(question)
        with warnings.catch_warnings(action="ignore"):  # no child turns them into errors
            return base_script.compare(asked["base"], asked["adapter"], asked["shapes"])

    monkeypatch.setattr(base_shapes, "_ask", ask)
    monkeypatch.setattr(pickle_script, "forbid", lambda _: None)
    monkeypatch.setattr(
        pickled_tensors, "_convert", lambda path, target, _: pickle_script.convert(str(path), str(target))
    )


@pytest.fixture
def small_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with 40 train and 20 valid rows, set as HOMEWORK_DATA_DIR."""
    import support  # noqa: PLC0415

    folder = support.write_small_data(tmp_path / "data")
    monkeypatch.setenv("HOMEWORK_DATA_DIR", str(folder))
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, headless; skipped where there is none, but on a CI server, where that is an error."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where a page is looked at

    program = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if program is None:
        end = pytest.fail if os.environ.get("CI") else pytest.skip
        end(f"no Chromium to look at pages with; looked for {', '.join(CHROMIUMS)}")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=QUIET_CHROMIUM)
        yield started
        started.close()


@pytest.fixture(scope="session")
def real_base() -> str:
    """The embedded SmolLM2-135M, fetched once into the cache; skipped where it cannot be had."""
    from homework.checkpoints import resolve_checkpoint  # noqa: PLC0415
    from homework.errors import BaseModelMissing  # noqa: PLC0415

    try:
        return resolve_checkpoint("embedded").path
    except BaseModelMissing as error:
        pytest.skip(f"the embedded base model could not be had: {error}")
