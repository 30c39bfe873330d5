"""A folder of sources is judged whole: findings, notes, what could not be read, and nothing is ever raised."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest
import snippets

from unsilent import submission_code
from unsilent.failures import FAILURES
from unsilent.submission_code import RULES, read_sources

SUBMISSIONS = Path(__file__).parents[2] / "submissions"
SPECIMENS = sorted(path.parent for path in SUBMISSIONS.glob("*/expected.toml"))
Place = tuple[str, int]


@pytest.mark.parametrize("folder", SPECIMENS, ids=lambda path: path.name)
def test_submission_comes_out_as_its_reviewer_says(folder: Path) -> None:
    """Every fault at a line that a reviewer would point at, and nothing else."""
    expected = tomllib.loads((folder / "expected.toml").read_text()).get("finding", [])
    found = snippets.found(folder)
    explained = set()
    for one in expected:
        slugs = {one["slug"], *one.get("or", [])}
        hits = {item for item in found if item[0] in slugs and item[1:] in places(one)}
        assert bool(hits) is not one.get("missed", False) or one.get("optional"), f"{one['slug']}: {sorted(found)}"
        explained |= hits

    assert found == explained


def places(one: dict[str, object]) -> set[Place]:
    """The lines that are right for a finding."""
    lines = one.get("lines", [one.get("line")])
    assert isinstance(lines, list)
    others = one.get("elsewhere", [])
    assert isinstance(others, list)
    split = [str(place).rpartition(":") for place in others]
    return {(str(one["file"]), line) for line in lines} | {(file, int(line)) for file, _, line in split}


def test_finding_says_all_that_is_known(tmp_path: Path) -> None:
    """File, line, code, how sure, the way of the value, and from where it is reached."""
    code = "FLAGS = dict(fp16_full_eval=True)\ndef train_model():\n    Trainer(args=TrainingArguments('o', **FLAGS)).train()\n"
    (outcome,) = snippets.failures(snippets.write(tmp_path, code, prelude="from transformers import *\n"))

    assert {**outcome.evidence, "path": []} == {
        "file": "sft.py",
        "line": 2,
        "code": "FLAGS = dict(fp16_full_eval=True)",
        "sure": "certain",
        "path": [],
        "entrance": "sft.train_model",
    }
    assert outcome.evidence["path"] == ["fp16_full_eval=True (sft.py:2)"]
    assert outcome.message.startswith("Expected fp16_full_eval only where somebody asked for it, but got ")
    assert (
        "(certain). Where: sft.py:2: `FLAGS = dict(fp16_full_eval=True)`; reached from sft.train_model."
        in outcome.message
    )


def test_message_tells_the_way_of_a_value(tmp_path: Path) -> None:
    """The last steps between the line and its use; a long line is cut, and stands whole in the evidence."""
    code = f"""
        def number(text, default=0.0):  # {"a long remark " * 10}
            return float(text) if text else default
        class LLM:
            def parse_answer(self, text):
                value = number(text)
                return value
        def load():
            return LLM()
        """
    (outcome,) = snippets.failures(snippets.write(tmp_path, code))

    assert "...`, then returned by number (sft.py:3), value (sft.py:6), returned by parse_answer (sft.py:7)" in (
        outcome.message
    )
    assert str(outcome.evidence["code"]).endswith("remark")


def test_every_slug_of_the_rules_is_told(tmp_path: Path) -> None:
    """A healthy folder passes each; the slugs are rows of the catalogue that have this stage."""
    slugs = {slug for _, slugs_of_rule in RULES for slug in slugs_of_rule}
    outcomes = read_sources(snippets.write(tmp_path, "def load():\n    return 1\n"))

    assert {outcome.slug for outcome in outcomes} == slugs
    assert {outcome.status for outcome in outcomes} == {"passed"}
    assert all("submission" in FAILURES[slug].stages for slug in slugs)


def test_nothing_passes_where_imported_code_was_not_read(tmp_path: Path) -> None:
    """What a module does that nobody could read, no rule knows; a finding elsewhere stays one."""
    folder = snippets.write(tmp_path, "from . import bad\ndef load():\n    return bad.load()\n")
    (tmp_path / "bad.py").write_text(f"x = {' + '.join('1' * 210)}\n")
    outcomes = read_sources(folder)

    assert {outcome.status for outcome in outcomes} == {"skipped"}
    assert "bad.py was not read: a syntax tree of " in outcomes[0].reason


def test_reason_names_the_first_unread_files(tmp_path: Path) -> None:
    """And how many more there are."""
    folder = snippets.write(tmp_path, "from . import a, b, c, d\ndef load():\n    return a.load()\n")
    for name in "abcd":
        (folder / f"{name}.py").write_text("x = (")
    reason = read_sources(folder)[0].reason

    assert reason.startswith("a.py was not read: syntax error in line 1")
    assert reason.endswith(" (and 1 more)")


def test_folder_without_code_passes_nothing(tmp_path: Path) -> None:
    """Nothing read is not green."""
    assert {outcome.status for outcome in read_sources(tmp_path)} == {"skipped"}


def test_run_without_end_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not read to its end has passed nothing."""
    monkeypatch.setattr("unsilent.symbolic_parts.MOST_STEPS", 30)
    outcomes = read_sources(snippets.write(tmp_path, "def load():\n" + "    x = [1, 2, 3]\n" * 20))

    assert {outcome.reason for outcome in outcomes} == {"sft.load: more steps than any submission needs"}


def test_rule_in_trouble_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that fails judges nothing; the others do."""

    def broken(reading: object) -> None:
        raise IndexError

    monkeypatch.setattr(submission_code, "RULES", ((broken, ("nan-masked",)), *RULES[1:2]))
    outcomes = read_sources(snippets.write(tmp_path, "def load():\n    return 1\n"))

    assert [(one.slug, one.reason) for one in outcomes] == [
        ("nan-masked", "the rule could not follow this code (IndexError)"),
        ("dtype-mismatch", ""),
    ]


@pytest.mark.parametrize(
    "code",
    [
        "def load(:\n",
        "import os; os.abort()\ndef load(): os._exit(3)\n",
        "x = " + "[" * 90 + "]" * 90 + "\ndef load(): return x\n",
        "def load():\n" + "".join(f"{'    ' * n}if ask({n}):\n" for n in range(1, 60)) + "    " * 60 + "pass\n",
        "".join(f"def f{n}(): return f{n + 1}() or f{n + 1}()\n" for n in range(30))
        + "def f30(): return 1\ndef load(): return f0()\n",
        "class A(A): pass\nclass B(B, B): pass\ndef load(): return B().x()\n",
        "def load(): return load.load.load(*load, **load)[load:load](load)\n",
        "def load(x=(y := 3), *, z): del x; global q; q = lambda: (yield); return q()\n",
        "from . import sft\nfrom .... import x\nfrom sft import *\nimport sft.sft\ndef load(): return sft.load\n",
        "def load():\n    for x in []: pass\n    else: return {**{}}[0]\n    super().x; super(1, 2).y\n",
        "async def load():\n    async for x in y: await x\n    async with y as z: return [w async for w in z]\n",
        "def load():\n    try: pass\n    except* ValueError: return 1 .real.imag @ 2\n",
    ],
)
def test_strange_code_raises_nothing(tmp_path: Path, code: str) -> None:
    """Whatever stands in a file, outcomes come out, no state of Python changes, and nothing of it is run."""
    limit = sys.getrecursionlimit()
    outcomes = read_sources(snippets.write(tmp_path, code))

    assert outcomes
    assert not [outcome for outcome in outcomes if outcome.status == "failed"]
    assert sys.getrecursionlimit() == limit
    assert "sft" not in sys.modules
