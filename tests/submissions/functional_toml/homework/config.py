import tomllib
from functools import cache
from pathlib import Path
from types import MappingProxyType

PACKAGE = Path(__file__).resolve().parent


@cache
def read(name: str = "config.toml") -> MappingProxyType:
    with (PACKAGE / name).open("rb") as f:
        return MappingProxyType(tomllib.load(f))


def section(*names: str) -> dict:
    merged = {}
    for name in names:
        merged |= read()[name]
    return merged


def pick(table: dict, *keys: str) -> dict:
    return {k: table[k] for k in keys if k in table}
