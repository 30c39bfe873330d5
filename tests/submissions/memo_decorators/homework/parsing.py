from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?")


def within_tags(text: str) -> str:
    return text.rpartition("<answer>")[2].partition("</answer>")[0]


def first_number(text: str, *, select: Callable[[str], str] = str, otherwise: float = 0.0) -> float:
    found = NUMBER.search(select(text))
    return float(found[0].replace(",", "")) if found else otherwise


tagged_number = partial(first_number, select=within_tags)
