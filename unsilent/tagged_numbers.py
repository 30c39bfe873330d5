r"""The number between answer tags, however people write it, and whether anything else stands there.

``42``, ``1,234.5 kg``, ``-$5``, ``EUR 5``, ``x = 5``, ``**42**``, ``$\frac{1}{2}$``, ``3 \times 10^8``, ``1 234 567``,
``3,5`` and ``1.234.567`` are one number each. A comma with three digits behind it groups thousands (``3,500``), as
programs write; only where that is impossible it is the decimal point. ``50%`` is 50 and 0.5: whoever wrote the answer
down may have meant either.

A matter of taste, and not a number here: ``about 5`` and ``The answer is 42``, which a reader of tags cannot turn into
a float.
"""

from __future__ import annotations

import math
import re
import unicodedata

from .answers import numbers_in

LONGEST = 300  # characters that are looked at; a number with its unit has twenty
MOST_UNIT_WORDS = 6  # "cubic centimeters of water in total"

_SUPERSCRIPTS = re.compile(r"[\u207b\u00b9\u00b2\u00b3\u2070\u2074-\u2079]+")
_VULGAR = re.compile(r"(?<=\d)(?=[\u00bc-\u00be\u2150-\u215e])")  # 1\u00bd is one and a half, not 11/2
_GROUPS = re.compile(r"(?<![\w.,])\d{1,3}(?:(?: |\\,|\{,\}|')\d{3})+(?![\w,])")
_MARKUP = [
    (re.compile(pattern), plain)
    for pattern, plain in (
        (r"\\[dt]?frac\s*\{([^{}]{1,40})\}\s*\{([^{}]{1,40})\}", r"\1/\2"),
        (r"\\(?:boxed|text|mathrm|mathbf|textbf)\s*\{([^{}]*)\}", r" \1 "),
        (r"\\(?:times|cdot)\b", "*"),
        (r"\\[()\[\],;!]", ""),
        (r"\\([%$])", r"\1"),
        (r"(\*\*|__|`)(.*)\1", r"\2"),
    )
]
_SCIENTIFIC = re.compile(r"(?<=\d)\s*[*x\u00d7\u00b7]\s*10\s*(?:\^|\*\*)\s*[{(]?\s*([-+]?\d{1,3})\s*[)}]?")
_POWER = re.compile(r"([-+]?)(\d{1,6}(?:\.\d{1,6})?)\s*(?:\^|\*\*)\s*[{(]?\s*([-+]?\d{1,3})\s*[)}]?")
_CURRENCY = r"(?:[$\u20ac\u00a3\u00a5\u20b9]|US\$|[A-Z]{3}(?![A-Za-z])|Rs\.?)"
_HEAD = re.compile(
    rf"[^\w.+-]*(?:(?:[A-Za-z]|\\[a-z]{{2,8}})(?:_\w)?\s*=\s*)?([-+]?)\s*(?:{_CURRENCY}\s*)?([-+]?)\s*(?=[\d.])"
)
_COMMA_POINT = re.compile(r"(\d{1,3}(?:\.\d{3})+|\d+),(\d+)(?![\d.,])")
_POINT_GROUPS = re.compile(r"\d{1,3}(?:\.\d{3}){2,}(?![\d.])|\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d+)?(?![\d,])")
_PER = re.compile(r"(?:(?<=[^\W\d])\s*/|\bper\b)\s*10*\s*(?=[^\W\d])")  # 5 l/100 km


def readings_of(inside: str) -> list[float]:
    """What the one number between the tags may be; empty where there is none, several, or something before it."""
    text = _plain(inside[:LONGEST])
    head = _HEAD.match(text)
    if not head or (head[1] and head[2]):
        return []
    sign = -1.0 if "-" in (head[1], head[2]) else 1.0
    body = _PER.sub(" ", text[head.end() :])
    if power := _POWER.match(body):
        numbers, rest = [_raised(float(power[2]), int(power[3]))], body[power.end() :]
        numbers += numbers_in(rest)
    else:
        numbers = numbers_in(_in_english(body))
    if len(numbers) != 1 or not math.isfinite(numbers[0]):
        return []
    share = re.match(r"[\d.,/ ]*\d\s*%", body)
    return [sign * numbers[0], *([sign * numbers[0] / 100] if share else [])]


def goes_on(inside: str) -> bool:
    """Whether more words stand behind the number than a unit has."""
    behind = re.sub(r"^\D*[\d.,]+", "", inside[:LONGEST], count=1)
    return len(inside) > LONGEST or len(re.findall(r"[^\W\d_]+", behind)) > MOST_UNIT_WORDS


def _plain(inside: str) -> str:
    """Without markup, in plain characters; groups of thousands joined, scientific notation as programs write it."""
    apart = _VULGAR.sub(" ", inside)
    raised = _SUPERSCRIPTS.sub(lambda found: f"^{unicodedata.normalize('NFKC', found[0])}", apart)
    text = unicodedata.normalize("NFKC", raised).replace("\u2212", "-").replace("\u2044", "/").strip()
    for pattern, plain in _MARKUP:
        text = pattern.sub(plain, text)
    text = re.sub(r"\A\$(.*\S)\$\Z", r"\1", text.strip(), flags=re.DOTALL)
    text = _GROUPS.sub(lambda found: re.sub(r"\D", "", found[0]), text)
    return _SCIENTIFIC.sub(r"e\1", text).strip()


def _in_english(body: str) -> str:
    """Digits grouped by points, or a decimal comma, at the head, as programs would write them."""
    if grouped := _POINT_GROUPS.match(body):
        return re.sub(r"[,]" if "," in grouped[0] else r"[.]", "", grouped[0]) + body[grouped.end() :]
    comma = _COMMA_POINT.match(body)
    if comma and ("." in comma[1] or len(comma[2]) != len("000") or comma[1].startswith("0")):
        return f"{comma[1].replace('.', '')}.{comma[2]}{body[comma.end() :]}"
    return body


def _raised(number: float, power: int) -> float:
    try:
        return float(number**power)
    except (OverflowError, ZeroDivisionError):
        return math.inf
