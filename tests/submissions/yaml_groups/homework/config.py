"""A tiny `compose`: defaults list, groups, interpolation, dotted overrides."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import yaml

CONF = Path(__file__).parent / "conf"
_REF = re.compile(r"\$\{([\w.]+)\}")


class Node(dict):
    """dict with attribute access."""

    def __getattr__(self, key: str) -> Any:
        try:
            return self[key]
        except KeyError:
            raise AttributeError(key) from None

    @classmethod
    def wrap(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return cls({k: cls.wrap(v) for k, v in value.items()})
        return value


def _read(*parts: str) -> dict:
    return yaml.safe_load(CONF.joinpath(*parts).with_suffix(".yaml").read_text()) or {}


def _merge(into: dict, other: dict) -> dict:
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = copy.deepcopy(value)
    return into


def _pick(root: dict, dotted: str) -> Any:
    for key in dotted.split("."):
        root = root[key]
    return root


def _resolve(value: Any, root: dict) -> Any:
    if isinstance(value, dict):
        return {k: _resolve(v, root) for k, v in value.items()}
    if isinstance(value, str):
        return _REF.sub(lambda m: str(_pick(root, m[1])), value)
    return value


def compose(overrides: list[str] = (), **groups: str) -> Node:
    cfg = _read("config")
    chosen = {}
    for entry in cfg.pop("defaults"):
        chosen.update(entry)
    chosen.update(groups)
    experiment = _read("experiment", chosen["experiment"])
    chosen.update(experiment.pop("use", {}))
    for group, option in chosen.items():
        body = experiment if group == "experiment" else _read(group, option)
        _merge(cfg.setdefault(group, {}), body)
    for item in overrides:
        dotted, _, text = item.partition("=")
        *parents, leaf = dotted.split(".")
        _pick(cfg, ".".join(parents))[leaf] = yaml.safe_load(text) if parents else text
    return Node.wrap(_resolve(cfg, cfg))
