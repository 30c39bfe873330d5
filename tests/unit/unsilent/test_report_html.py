"""The page: it says everything, needs nothing, fits a phone, and no text in it comes alive.

How it looks and behaves is asked of a real Chromium.
"""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import dossiers
import pytest

from unsilent.dossier import Dossier
from unsilent.outcome import Report, failed
from unsilent.report_html import TEMPLATE, as_html

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Page

ROOT = Path(__file__).parents[3]
PHONE, DESK = 360, 1200
MAKERS: dict[str, Callable[[], Dossier]] = {
    "red": dossiers.red,
    "green": dossiers.green,
    "evil": dossiers.evil,
    "none": lambda: Dossier("x", ()),
}
READABLE = 4.5  # contrast of text, WCAG 2.2, level AA
Look = Callable[..., "Page"]


@pytest.fixture
def look(browser: Browser, tmp_path: Path) -> Iterator[Look]:
    """Open a dossier's page; afterwards say what it asked of the network, printed, or popped up."""
    noise: list[str] = []
    pages: list[Page] = []

    def dismiss(dialog: Dialog) -> None:
        noise.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def look(dossier: Dossier, width: int = DESK, scheme: str = "light") -> Page:
        path = tmp_path / "report ünï.html"
        path.write_text(as_html(dossier), encoding="utf-8")
        page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type] # light, dark
        page.on("console", lambda message: noise.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: noise.append(f"error: {error}"))
        page.on("dialog", dismiss)
        page.on("request", lambda request: noise.append(request.url) if request.url != path.as_uri() else None)
        page.goto(path.as_uri())
        pages.append(page)
        return page

    yield look
    for page in pages:
        page.close()
    assert [one for one in noise if not one.startswith("data:")] == []


@pytest.mark.no_cover
@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize(("width", "scheme"), [(PHONE, "light"), (DESK, "light"), (DESK, "dark")])
def test_page_fits_and_is_quiet(look: Look, name: str, width: int, scheme: str) -> None:
    """No scrolling sideways, no console message, no request but for itself, whatever it shows."""
    page = look(MAKERS[name](), width, scheme)
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")

    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.no_cover
def test_page_follows_the_scheme(look: Look) -> None:
    """Dark where the reader's screen is."""
    colours = [
        look(dossiers.green(), scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    ]

    assert colours == ["rgb(247, 246, 243)", "rgb(18, 20, 24)"]


def test_verdict_comes_first(look: Look) -> None:
    """Then bounds, stages, findings, curves, update norms, answers."""
    page = look(dossiers.red())

    assert page.title() == "failed: homework - unsilent"
    assert page.locator("h1").inner_text() == "Failed"
    assert page.locator("h2").all_inner_texts() == [
        *("Bounds", "Stages", "Findings", "Training", "What the adapter adds", "Answers")
    ]
    assert page.locator("header.verdict p").all_inner_texts() == [
        "homework",
        "3 findings, 3 of 5 bounds missed, 3 of 6 stages passed, 1 could not be judged · 2026-11-21 22:40 UTC",
        "No source of questions is named: the probe with new questions was left out.",
    ]
    assert page.locator("header.verdict li").all_inner_texts() == [
        "✕ error nan-grad-norm in sft",
        "✕ error adapter-untrained in rft",
        "! risk fp16-unguarded in sft",
    ]


@pytest.mark.no_cover
def test_finding_is_shown_with_evidence_and_signs(look: Look) -> None:
    """What was found, where, what to do, the numbers behind it; and what is known of the failure, unfolded by hand."""
    page = look(dossiers.red(), PHONE)
    page.locator("header.verdict a").first.click()
    card = page.locator("#finding-1")
    text = card.inner_text()

    assert "Expected a finite grad_norm and loss, but got grad_norm nan" in text
    assert "What to do: look at that batch." in text
    assert "zero-loss Expected a loss above 0, but got 0.0." in text
    assert "step 400, grad_norm nan" in text
    assert not card.get_by_text("unsilent explain nan-grad-norm").is_visible()
    card.get_by_text("About this failure").click()
    assert card.get_by_text("unsilent explain nan-grad-norm").is_visible()


def test_card_is_broken_only_where_it_may_be(look: Look) -> None:
    """Names and values are a list; the grid of coverage keeps its columns."""
    stage = look(dossiers.green(), PHONE).locator("details.stage").first

    assert stage.locator("dt").all_inner_texts() == ["base", "method"]
    assert stage.locator("dd").all_inner_texts() == ["embedded:SmolLM2-135M-Instruct", "LORA, rank 16, alpha 64"]
    assert stage.locator("pre").inner_text().splitlines() == ["  q_proj  ##"]


def test_faulty_step_is_marked_in_the_curves(look: Look) -> None:
    """The mark stands where the step stands on the axis, in both curves; a healthy run has none."""
    page = look(dossiers.red(), PHONE)
    figures = page.locator("figure:has(.plot)")
    area, flag = (figures.first.locator(name).first.bounding_box() for name in (".area", ".flag"))

    assert figures.first.locator(".flag").inner_text() == "step 400"
    assert (figures.first.locator(".fault").count(), figures.last.locator(".fault").count()) == (2, 0)
    assert area
    assert flag
    assert flag["x"] + flag["width"] == pytest.approx(area["x"] + area["width"] * (400 - 5) / (600 - 5), abs=6)


def test_heat_map_says_each_value(look: Look) -> None:
    """210 cells of one height on a phone, each with its words; what is odd is marked."""
    page = look(dossiers.red(), PHONE)
    cells = page.locator(".heat .cells i")
    box = cells.first.bounding_box()

    assert cells.count() == 7 * 30
    assert box
    assert box["width"] > 3
    assert cells.first.get_attribute("title") == "mlp.down_proj, layer 0: 8"
    assert [page.locator(f".heat .{kind}").count() for kind in ("zero", "absent", "broken")] == [1, 1, 1]


def test_scores_have_intervals_and_the_worst_rows(look: Look) -> None:
    """Accuracy and answer rate, by group when unfolded, and ten rows."""
    page = look(dossiers.green())
    card = page.locator("section:has(#scores)")

    assert "0.700 (0.604-0.781, 70 of 100)" in card.inner_text()
    assert "volume" not in card.inner_text()
    card.get_by_text("Accuracy by family").click()
    assert "volume" in card.inner_text()
    assert card.locator("tbody tr").count() == 10
    assert card.locator("tbody tr").first.inner_text().split("\t") == [
        *("3", "How many centimeters are there in 4 m?", "no number", "400")
    ]


def test_text_of_others_does_not_come_alive(look: Look) -> None:
    """It is shown as it is: no element, no template, no style of its own, nothing turned or hidden."""
    page = look(dossiers.evil())
    text = page.locator("body").inner_text()

    assert page.locator("script, img, iframe, object, form, base").count() == 0
    names = page.evaluate("[...document.querySelectorAll('*')].flatMap(one => one.getAttributeNames())")
    assert not [name for name in names if name.startswith("on")]
    assert "<script>alert(1)</script>" in text
    assert "{{7*7}} {% raw %}" in text
    assert "\\u202eback" in text
    assert "\u202e" not in text


def test_page_stands_alone() -> None:
    """It names no other address, holds no script, and forbids itself both."""
    text = as_html(dossiers.red())

    assert re.findall(r"(?:src|href)=[\"'](?!#|data:)[^\"']*", text) == []
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text) == []
    assert "<script" not in text
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in text


def test_plain_report_is_a_page_too() -> None:
    """One stage, without what there is nothing of."""
    found = failed("answer-lookup", "honesty", "Expected x.", {"n": 1})
    text = as_html(Dossier.of([Report("run", (found,))]))

    assert "1 finding, 0 of 1 stage passed" in text
    assert not re.search(r'id="(bounds|runs|norms|scores)"', text)


def test_words_of_a_green_page() -> None:
    """It says that nothing was found."""
    assert "no findings, 2 of 2 stages passed" in as_html(dossiers.green())


def test_scores_of_a_hostile_process_are_left_out() -> None:
    """A share that is none, groups and rows of another form: nothing of it, and no crash."""
    share = {"share": 2, "interval": [0, 1], "hits": 1, "count": 1}
    rows = [{"index": 1, "question": "q", "answer": 10**400, "correct": "1"}, 7]
    scores = {"accuracy": share, "answer_rate": [], "groups": {"family": [], "unit": {"a": 1}}, "worst": rows}
    odd = {"groups": 3, "worst": 4}
    text = as_html(Dossier("x", (), scores={"sft": scores, "rft": odd}))

    assert "gauge" not in text.partition('id="scores"')[2]
    assert text.count("<td>q</td>") == 1
    assert text.count("no number</td>") == 2


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG defines it."""
    digits = colour * 2 if len(colour) == 3 else colour
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colours_can_be_read(scheme: int) -> None:
    """Every colour of text on every ground it stands on."""
    style = resources.files("unsilent").joinpath(TEMPLATE).read_text(encoding="utf-8")
    colours = {
        name: luminance(value)
        for name, value in re.findall(r"--(\w+): #(\w+);", re.findall(r":root \{(.*?)\}", style, re.DOTALL)[scheme])
    }
    inks = ("ink", "soft", "passed", "failed", "undecided", "risk", "error")
    for ink, ground in itertools.product(inks, ("page", "card")):
        light, dark = sorted((colours[ink], colours[ground]), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= READABLE, f"{ink} on {ground}"


def test_template_is_in_the_wheel() -> None:
    """The page is made wherever the package is installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())

    assert TEMPLATE in project["tool"]["setuptools"]["package-data"]["unsilent"]
    assert any(one.startswith("jinja2") for one in project["project"]["dependencies"])
