# Physical constants and a plausibility check for converted quantities
import math
import re

LENGTH = dict(mm=1e-3, cm=1e-2, m=1.0, meter=1.0, km=1e3, **{"in": 0.0254}, ft=0.3048, yd=0.9144, mi=1609.344, miles=1609.344)
MASS = dict(g=1.0, gram=1.0, kg=1e3, pound=453.59237, ton=1e6, tonne=1e6, ounce=28.349523)
TIME = dict(s=1, sec=1, second=1, min=60, minute=60, h=3600, hour=3600, day=86400, week=604800, year=31556925.9747)
BYTES = dict(bit=0.125, B=1, byte=1, kB=1e3, MB=1e6, M=1e6, GB=1e9, G=1e9)
FAMILIES = (LENGTH, MASS, TIME, BYTES)

_UNIT = "|".join(sorted((re.escape(u) for f in FAMILIES for u in f), key=len, reverse=True))
_AMOUNT = re.compile(rf"(\d+(?:\.\d+)?)\s*({_UNIT})s?\b")
_WORD = re.compile(rf"\b({_UNIT})s?\b")


def expected_size(question):
    """Order of magnitude a sensible reply should have."""
    amount = _AMOUNT.search(question)
    if amount is None:
        return math.nan
    source = amount.group(2)
    for target in _WORD.findall(question):
        for family in FAMILIES:
            if target != source and {target, source} <= family.keys():
                return float(amount.group(1)) * family[source] / family[target]
    return math.nan


def plausible(value, reference, slack=0.02):
    return math.isnan(reference) or abs(value - reference) <= slack * abs(reference)
