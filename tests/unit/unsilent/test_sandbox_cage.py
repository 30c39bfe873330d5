"""What a cage shows and allows is planned here, from what lies on this machine."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path

import pytest

from unsilent import grading, sandbox_cage
from unsilent.closure import Closure, closure_of
from unsilent.sandbox import run_child
from unsilent.sandbox_cage import MINIMUM, PROTECTIONS, Cage, is_within, outermost, way
from unsilent.sandbox_listening import plain_answers

ROOT = Path(__file__).parents[3]
NOTHING = Closure(frozenset(), frozenset(), ())


def test_each_protection_has_a_sentence() -> None:
    """For reports; what Python alone refuses is not enough."""
    assert all(text.endswith(".") for text in PROTECTIONS.values())
    assert set(PROTECTIONS) - set(MINIMUM) == {"a finder that hides other packages", "an audit hook"}


def test_plan_shows_what_is_needed_alone(tmp_path: Path) -> None:
    """Libraries, Python, the submission, what is readable; by real paths, and none within another."""
    root, base = tmp_path / "root", tmp_path / "base"
    root.mkdir()
    base.mkdir()
    plan = Cage(readable=[base, base, tmp_path / "none"]).plan(root, "/place", NOTHING)
    real = os.path.realpath(sysconfig.get_path("stdlib"))

    assert {str(root), str(base)} <= set(plan["visible"])
    assert any(is_within(real, one) for one in plan["visible"])
    assert plan["visible"] == outermost(plan["visible"])
    assert not any(is_within(str(Path.home()), one) or is_within(str(tmp_path), one) for one in plan["visible"])
    assert (plan["place"], plan["covered"], plan["minimum"]) == ("/place", [], MINIMUM)


def test_plan_covers_the_checker(tmp_path: Path) -> None:
    """Where it is installed beside what is allowed, an empty folder lies over it."""
    package = Path(sandbox_cage.__file__).parent
    plan = Cage().plan(tmp_path, "/place", Closure(frozenset(), frozenset(), (str(package.parent),)))

    assert plan["covered"] == [str(package)]


def test_plan_without_a_closure_shows_installed_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not what else lies on this process's path."""
    packages = tmp_path / "site-packages"
    packages.mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(packages)])
    visible = Cage().plan(tmp_path / "none", "/place", None)["visible"]

    assert str(packages) in visible
    assert str(tmp_path) not in visible


@pytest.mark.parametrize(("prefix", "is_shown"), [("/usr", False), ("/opt/python", True)], ids=["shared", "its own"])
def test_prefix_of_python(monkeypatch: pytest.MonkeyPatch, prefix: str, *, is_shown: bool) -> None:
    """Where Python shares a folder with everything else, its libraries are enough."""
    monkeypatch.setattr(sys, "base_prefix", prefix)

    assert (prefix in sandbox_cage._python()) is is_shown


def test_other_folder_in_the_place_of_one(tmp_path: Path) -> None:
    """By the real path of the place, with the links that lead there."""
    for name in ("blobs", "disturbed"):
        (tmp_path / name).mkdir()
    (tmp_path / "snapshot").symlink_to("blobs")
    plan = Cage(over={tmp_path / "snapshot": tmp_path / "disturbed"}).plan(tmp_path, "/place", NOTHING)

    assert plan["over"] == {str(tmp_path / "blobs"): str(tmp_path / "disturbed")}
    assert (str(tmp_path / "snapshot"), "blobs") in plan["links"]


def test_way_of_a_path(tmp_path: Path) -> None:
    """Every link on it, relative or not, and where it ends; a circle ends as well."""
    (tmp_path / "real" / "inner").mkdir(parents=True)
    (tmp_path / "one").symlink_to("real/../real")
    (tmp_path / "two").symlink_to(tmp_path / "one" / "inner")
    (tmp_path / "round").symlink_to("round")
    links, end = way(f"{tmp_path}/./two//new")

    assert end == f"{tmp_path}/real/inner/new"
    assert links == ((f"{tmp_path}/two", f"{tmp_path}/one/inner"), (f"{tmp_path}/one", "real/../real"))
    assert len(way(str(tmp_path / "round"))[0]) == sandbox_cage.MOST_LINKS
    assert way("/..") == ((), "/")


def test_outermost() -> None:
    """A name that begins alike is another folder."""
    assert outermost(["/a/b", "/ab", "/a", "/a/b/c"]) == ["/a", "/ab"]
    assert outermost(["/", "/a"]) == ["/"]


def test_variables_hold_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """No token, no home of the user; where models are kept, and what the caller adds."""
    for name in ("HF_TOKEN", "HTTPS_PROXY", "LD_PRELOAD", "PYTHONPATH"):
        monkeypatch.setenv(name, "s3cret")
    for name in ("HF_HOME", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    monkeypatch.setenv("HOMEWORK_CACHE_DIR", "/bases")
    found = Cage(environment={"ADDED": "1"}).variables()

    assert "s3cret" not in found.values()
    assert (found["HOME"], found["TMPDIR"], found["ADDED"]) == ("/scratch", "/scratch", "1")
    assert (found["HF_HOME"], found["HOMEWORK_CACHE_DIR"]) == ("/caches/huggingface", "/bases")
    assert 0 < int(found["OMP_NUM_THREADS"]) <= sandbox_cage.MOST_THREADS


@pytest.mark.slow
def test_real_submission_works_in_a_cage(tiny_base: Path, trained_once: Path, tmp_path: Path) -> None:
    """The project's own package with a trained adapter and all that it needs: loaded, asked, and nothing refused."""
    ours = shutil.ignore_patterns("*_model", "__pycache__")
    package = shutil.copytree(ROOT / "homework", tmp_path / "root" / "homework", ignore=ours)
    shutil.copytree(trained_once, package / "sft_model")
    question = {
        "preload": grading.PRELOADED,
        "package": "homework",
        "questions": ["How many cm are in 3 m?", "What is 1 kg in g?"],
        "batch": 2,
        "phases": [{"kind": "part", "name": "sft", "loader": "load_sft"}],
    }
    child = run_child(
        grading.SCRIPT,
        question,
        root=package.parent,
        seconds=120.0,
        packages=closure_of(*grading.PACKAGES),
        cage=Cage(readable=[tiny_base], environment={"HOMEWORK_CHECKPOINT": str(tiny_base)}),
    )
    if child.missing:
        pytest.skip(f"this system gives no cage: {child.error}")

    assert (child.error, child.told[-1].content.get("error"), child.output) == ("", None, "")
    assert plain_answers(child.told[-1].content["answers"], 2) is not None
    assert not any("refused" in line.content for line in child.told)
    assert child.protections == tuple(PROTECTIONS)
