"""A value under a condition is likely, one without is certain."""

from __future__ import annotations

import pytest

from unsilent.code_findings import SURENESS, certainty, concerns, part_of
from unsilent.entry_points import Run
from unsilent.symbols import Choice, Const, Guard, Site

SITE = Site("a.py", 1)


def test_condition_makes_it_likely() -> None:
    """Nothing at all to say it is as certain as a plain constant."""
    plain = Choice(Const(1), SITE)
    under = Choice(Const(1), SITE, (Guard("if", (plain,), holds=True, site=SITE),))

    assert [certainty(None), certainty(plain), certainty(under)] == ["certain", "certain", "likely"]
    assert SURENESS == ("certain", "likely", "possible")


@pytest.mark.parametrize(
    ("name", "part"),
    [("hw.sft.load_rft", "rft"), ("hw.sft.load", "sft"), ("hw.tasks.train", ""), ("hw.sft_and_rft.load", "")],
)
def test_part_of_an_entrance(name: str, part: str) -> None:
    """An entrance's own name says more than its module's; a run that names no part is about each."""
    assert part_of(Run(name)) == part
    assert [concerns(Run(name), one) for one in ("sft", "rft")] == [part in {"sft", ""}, part in {"rft", ""}]
