"""From what a user sees to what probably caused it.

``unsilent explain "loss 0.0 grad_norm nan"`` takes a symptom typed from memory or pasted from a log. Numbers behind
known names are read as series (every ``loss``, every ``grad_norm`` in the text) and judged: zero, NaN, flat,
rising. Phrases are recognised by their words. What is found are the *signs* that the catalogue's rows name; a row
is the likelier the more of the signs it explains, and the fewer it leaves unexplained.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .failures import FAILURES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .failures import Failure

# Bare (older versions) or quoted (transformers 5), after "loss:", "'loss': ", "loss=", "loss is" or just "loss".
_LINK = (
    r"(?:(?:[:=(]|is|was|are|of|stays|stayed|at|always|exactly|went|goes|to|turns|turned|becomes|became|tensor)\s*)*"
)
NUMBER = r"(?P<value>[-+]?(?:(?:\d+(?:[.,]\d*)?|\.\d+)(?:e[-+]?\d+)?|nan|inf(?:inity)?|zero))(?![\w])"
_VALUE = rf"""['"]?\s*{_LINK}['"]?{NUMBER}"""
_NAMES: Mapping[str, str] = {
    "loss": r"(?<![a-z_])loss",
    "grad_norm": r"(?:grad(?:ient)?[_ ]?norms?|grad[_ ]norm)",
    "accuracy": r"(?:accuracy|acc)",
    "answer_rate": r"answer[_ ]rate",
    "lr": r"(?:learning[_ ]rate|(?<![a-z])lr)",
}
_SERIES = {name: re.compile(pattern + _VALUE, re.IGNORECASE) for name, pattern in _NAMES.items()}

FLAT = 1e-3  # relative; a frozen adapter repeats 4.97 to four digits, dropout alone moves the third
FLAT_COUNT = 3
RISING = 1.2  # last over first; the noise of a healthy loss stays below
GROWING = 100.0  # gradient norms of healthy runs vary by 10, 7 before clipping beside 0.9 is healthy

_TESTS: Mapping[str, Callable[[list[float]], bool]] = {
    "zero": lambda values: any(value == 0 for value in values),
    "one": lambda values: any(value in (1.0, 100.0) for value in values),
    "nan": lambda values: any(math.isnan(value) for value in values),
    # a scaler skips early fp16 steps on purpose: inf that passes is healthy
    "inf": lambda values: any(math.isinf(value) for value in values) and not math.isfinite(values[-1]),
    "flat": lambda values: _count(values) >= FLAT_COUNT and _spread(values) < FLAT and max(values) > 0,
    "rising": lambda values: _count(values) >= FLAT_COUNT and values[-1] > RISING * values[0] > 0,
    "growing": lambda values: _count(values) >= FLAT_COUNT and max(values) > GROWING * max(values[0], 1e-12),
}

# Words for what is not a number. Each pattern is tried on the lower-case text.
_PHRASES: Mapping[str, str] = {
    "loss zero": r"\bzero loss",
    "loss nan": r"\bnan (?:train(?:ing)? )?loss",
    "grad_norm nan": r"\bnan grad|\bgradients? (?:are|is|became?|turn(?:s|ed)?) nan",
    "grad_norm zero": r"\bzero grad|\bgradients? (?:are|is) (?:all )?(?:zero|0)",
    "loss flat": r"loss (?:is |stays |remains )?(?:flat|constant|the same|stuck|unchanged|where it)|flat loss|not (?:decreas|learn)|does(?:n't| not) (?:go down|decrease|learn)",
    "loss rising": r"loss (?:is |keeps )?(?:ris|increas|go(?:es|ing) up|diverg|explod)|diverg",
    "grad_norm growing": r"\bgrad\w*(?: norms?)?\b.{0,25}(?:explod|explos|grow|huge)|explod\w+ gradient",
    "does not require grad": r"does not require grad|does not have a grad_fn|requires_grad",
    "out of memory": r"out of memory|\boom\b|cuda error: out",
    "nan to integer": r"cannot convert float nan|nan to integer",
    "answers nan": r"answers?\W+(?:are |is )?(?:all )?nan|every answer\W+nan",
    "answer_rate zero": r"no (?:numeric |numerical )?answers?\b|answers? nothing|no numbers?\b",
    "answer_rate one": r"answer[_ ]rate (?:is )?always (?:1|one)",
    "accuracy zero": r"garbage|gibberish|nonsense|all (?:answers )?wrong",
    "score low": r"(?:score|accuracy|answer rate)\b.{0,20}\b(?:too low|below)|below the bound|no points",
    "accuracy one": r"(?:perfect|100 ?%) (?:score|accuracy|right|correct)|accuracy\b.{0,12}\b100 ?%|everything (?:is )?right",
    "adapter missing": r"(?:adapter|model|file)s?\b.{0,20}(?:not found|missing)|no (?:trained )?adapter|can'?t find .*adapter",
    "lora_b zero": r"lora_b\b.*(?:zero|0)|b (?:matrix|matrices) .*zero",
    "overwritten": r"overwr(?:itten|ote)|older?\b.{0,20}(?:adapter|answers|model|one|file|safetensors)|hash|sha256",
    "trainable share": r"trainable|requires? a gradient|only (?:one|some) modules?|target_modules",
    "overlap": r"overlap|leak|valid\w* (?:rows? )?in train|contaminat",
    "nested path": r"homework[/\\]homework|nested|wrong (?:folder|directory)",
    "torch_dtype": r"torch_dtype|deprecat",
    "dtype": r"\bdtypes?\b|float16|half precision|bfloat16",
    "fp16": r"\bfp16\b|float16|\bhalf\b|65504",
    "too many parameters": r"380,?000,?000|too many param|parameter (?:budget|limit)",
    "zip size": r"\bzip\b|bundle",
    "batched differs": r"batch\w* .*(?:differ|disagree|wrong)|padding|(?:differ|other)\w* .*single",
    "never stops": r"never stop|does(?:n't| not) stop|endless|keeps? (?:on )?generating|max_new_tokens|\beos\b",
    "labels masked": r"-100|labels? .*mask|mask\w* .*label|ignore_index",
    "truncated": r"truncat|max_length|cut off|too long",
    "lr zero": r"(?:learning[_ ]rate|\blr\b).{0,12}(?:zero|\b0(?:\.0+)?(?![.\d]))",
    "weights unchanged": r"weights?\b.*(?:unchanged|do(?:n't| not) (?:change|move)|same)|no (?:adapter )?tensor .*differs|nothing (?:was )?(?:trained|learnt|learned)",
    "file corrupt": r"corrupt|truncated file|header|incomplete metadata|invalid ?header|cannot be (?:read|opened)",
    "file tiny": r"443 bytes|empty (?:adapter|file|tensor)|\[0\]|tiny file|few (?:hundred )?bytes",
    "pickle": r"pickle|unsafe|weights_only|malicious",
    "size mismatch": r"size mismatch|shape",
    "unexpected keys": r"(?:unexpected|missing) (?:adapter )?keys|keys? .*(?:ignored|dropped)",
    "reloaded differs": r"reload|after (?:loading|saving)|saved .*differ|loads? (?:fine )?but",
    "without effect": r"no effect|without (?:any )?effect\b|same as (?:the )?base|equals? the base|adapter .*(?:ignored|disabled)",
    "answers skip tokens": r"two tokens|skips? (?:a )?token|every (?:other|second) token|shift",
    "double bos": r"\bbos\b|begin[- ]of[- ]text|<\|im_start\|><\|im_start\|>",
    "reasoning": r"reasoning|rationale|chain of thought",
    "tags": r"</?answer>|\btags?\b",
    "zero rows": r"\b(?:zero|no|0) rows|without a row|empty (?:rft|data ?set)|indexerror|list index out of range",
    "recursion": r"recurs",
    "resumed": r"resum|from (?:a |the )?checkpoint",
    "warm-up again": r"warm-?up\b.{0,20}(?:again|anew|twice|repeat)|(?:lr|learning rate|schedule|optimizer)\b.{0,30}(?:begins? (?:again|anew)|reset|restart|not restored|leaps?|jumps?)",
    "hangs": r"\bhang|deadlock|wait\w* for ?ever|timed? ?out|stuck at",
    "too slow": r"too slow|time ?limit|(?:takes|took|needs) too long|\b(?:60|15) s(?:econds)?\b|timed? ?out",
    "no module": r"no module named|modulenotfound|read-only file system|network is unreachable|works here|name resolution",
    "ranks": r"\branks?\b|\bddp\b|distributed|nccl|gloo",
}  # fmt: skip


@dataclass(frozen=True)
class Cause:
    """A likely cause: the failure, the signs it explains, and its weight among all causes between 0 and 1."""

    failure: Failure
    signs: tuple[str, ...]
    weight: float


def read_series(text: str) -> dict[str, list[float]]:
    """Read every number behind a known name, in order: ``{"loss": [0.0], "grad_norm": [nan]}``."""
    series: dict[str, list[float]] = {}
    for name, pattern in _SERIES.items():
        values = [read_number(found["value"]) for found in pattern.finditer(text)]
        if values:
            series[name] = values
    return series


def read_number(text: str) -> float:
    """The value of what ``NUMBER`` matched."""
    return 0.0 if text.lower().endswith("zero") else float(text.replace(",", "."))


def _count(values: Sequence[float]) -> int:
    """The length of a series of finite values; 0 when one is not finite, which no trend can be read from."""
    return len(values) if all(math.isfinite(value) for value in values) else 0


def _spread(values: Sequence[float]) -> float:
    return (max(values) - min(values)) / max(abs(value) for value in values) if any(values) else 0.0


def observe(text: str) -> set[str]:
    """Find the signs in a text that the catalogue knows: those of its numbers and those of its words."""
    series = read_series(text)
    signs = {f"{name} {word}" for name, values in series.items() for word, holds in _TESTS.items() if holds(values)}
    signs |= {sign for sign, pattern in _PHRASES.items() if re.search(pattern, text.lower())}
    if any(series.get("lr", ())):  # a warm-up begins at 0 and a cosine ends there: healthy
        signs.discard("lr zero")
    if any(value > 0 for value in series.get("accuracy", ())):  # right answers earn their answer rate
        signs.discard("answer_rate one")
    return signs & {sign.lower() for row in FAILURES.values() for sign in row.signs}


def likely_causes(text: str, limit: int = 5) -> list[Cause]:
    """Order the failures that explain what is seen, the likeliest first.

    Args:
        text: A typed symptom or a pasted log.
        limit: How many to return at most.

    Returns:
        Causes by falling weight; empty when no sign was recognised.
    """
    seen = observe(text)
    shown = set(read_series(text))
    weights = {slug: weight for slug, row in FAILURES.items() if (weight := _weight(row, seen, shown)) > 0}
    total = sum(weights.values())
    ranked = sorted(weights, key=lambda slug: -weights[slug])
    return [
        Cause(
            FAILURES[slug],
            tuple(sign for sign in FAILURES[slug].signs if sign.lower() in seen),
            weights[slug] / total,
        )
        for slug in ranked[:limit]
    ]


CONTRADICTED = 0.3  # a series that shows something else than the row would have shown
UNSEEN = 0.5  # a series the row would have shown, of which the text says nothing


def _weight(row: Failure, seen: set[str], shown: set[str]) -> float:
    """Weigh a row: what it explains, against what it would also have shown.

    Signs of one series are alternatives (a loss is zero or NaN, not both) and count once.
    """
    groups: dict[str, bool] = {}
    for sign in row.signs:
        series = sign.split()[0]
        group = series if series in _NAMES else sign
        groups[group] = groups.get(group, False) or sign.lower() in seen
    explained = sum(groups.values())
    if not explained:
        return 0.0
    unseen = [group for group, found in groups.items() if not found and group in _NAMES]
    contradicted = sum(group in shown for group in unseen)
    return CONTRADICTED**contradicted * explained**2 / (explained + UNSEEN * len(unseen))
