"""The card of an adapter: what it is, in ten lines that a reviewer reads before the findings."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from typing import TYPE_CHECKING

from .lora_coverage import MOST_CELLS, row_of
from .lora_intent import LAYER
from .outcome import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .adapter_facts import AdapterFacts

LINE = 64  # layers in one line of the grid
MEGABYTE = 1_000_000


def describe(facts: AdapterFacts, trained: str) -> dict[str, object]:
    """Describe an adapter in plain JSON values.

    Args:
        facts: What was read.
        trained: How the check of ``adapter-untrained`` ended: passed, failed or skipped.

    Returns:
        Base, method, rank, alpha, targets, coverage, dtypes, parameters, size [MB, 10^6 bytes], update norm (Frobenius
        norm of ``scale * B @ A``, all modules of a layer together, and each by itself), whether it is trained, what the
        manifest says.
    """
    looked, intent = facts.looked, facts.intent
    norms = {name: norm for name, norm in facts.layer_norms.items() if math.isfinite(norm)}
    return {
        "folder": str(looked.folder),
        "found": looked.note,
        "base": looked.base,
        "method": _method(facts),
        "rank": intent.rank if intent.is_lora else None,
        "ranks": dict(intent.ranks),
        "alpha": intent.alpha if intent.is_lora else None,
        "targets": sorted(intent.targets) if isinstance(intent.targets, tuple) else intent.targets,
        "saved_whole": list(intent.saved),
        "layers": facts.coverage.layers if facts.coverage else None,
        "coverage": {name: sorted(has) for name, has in facts.coverage.rows.items()} if facts.coverage else None,
        "dtypes": sorted({tensor.kind.name for tensor in facts.tensors.values()}),
        "tensors": len(facts.tensors),
        "parameters": sum(tensor.size for tensor in facts.tensors.values()),
        "size_mb": round(sum(path.stat().st_size for path in looked.weights) / MEGABYTE, 3),
        "files": [path.name for path in looked.weights],
        "update_norm": _spread(norms),
        "update_norms": _by_module(facts.norms),
        "trained": {"passed": True, "failed": False}.get(trained),
        "manifest": _manifest(facts),
    }


def _method(facts: AdapterFacts) -> str:
    intent = facts.intent
    kinds = [name for name, used in (("DoRA", intent.dora), ("rsLoRA", intent.rslora)) if used]
    return f"{intent.method} ({', '.join(kinds)})" if kinds else intent.method


def _manifest(facts: AdapterFacts) -> str:
    if facts.looked.manifest_complaint:
        return f"unusable: {facts.looked.manifest_complaint}"
    if facts.changes is None:
        return "none"
    return f"disagrees: {', '.join(facts.changes)}" if facts.changes else "agrees"


def _spread(norms: Mapping[str, float]) -> dict[str, object] | None:
    """The smallest, the middle one and the largest, with the layers that have them."""
    if not norms:
        return None
    ordered = sorted(norms, key=norms.__getitem__)
    return {
        "smallest": [ordered[0], round(norms[ordered[0]], 6)],
        "median": round(statistics.median(norms.values()), 6),
        "largest": [ordered[-1], round(norms[ordered[-1]], 6)],
    }


def _by_module(norms: Mapping[str, float]) -> dict[str, object] | None:
    """A row for each module of a layer, a column for each layer; None where a layer has no such module.

    Norms that are no finite number are words, as JSON has none for them. What stands outside of layers has no column.
    """
    places = {path: match for path in norms if (match := LAYER.match(path))}
    several = len({match["stack"] for match in places.values()}) > 1
    squares: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for path, match in places.items():
        squares[row_of(match, several=several)][int(match["index"])] += norms[path] * norms[path]
    layers = sorted({index for row in squares.values() for index in row})
    if len(squares) * len(layers) > MOST_CELLS:
        return None
    values = [[plain(_root(row.get(index))) for index in layers] for row in squares.values()]
    return {"names": list(squares), "layers": layers, "values": values} if squares else None


def _root(square: float | None) -> float | None:
    return None if square is None else float(f"{math.sqrt(square):.6g}")


def as_lines(facts: AdapterFacts, card: Mapping[str, object]) -> list[str]:
    """Write a card for people."""
    ranks = "".join(f", {name} {rank}" for name, rank in facts.intent.ranks.items())
    sizes = f"{card['parameters']:,} parameters in {card['tensors']} tensors"
    rows = {
        "found": card["found"],
        "base": card["base"] or "not said",
        "method": f"{card['method'] or 'not said'}"
        + (f", rank {card['rank']}{ranks}, alpha {card['alpha']}" if card["rank"] else ""),
        "targets": _targets(card["targets"]),
        "saved whole": ", ".join(facts.intent.saved),
        "weights": f"{sizes}, {', '.join(_texts(card['dtypes']))}, {card['size_mb']:.1f} MB",
        "update norm": _norm(card["update_norm"]),
        "trained": {True: "yes", False: "no: it adds nothing"}.get(card["trained"], "not known"),  # type: ignore[call-overload] # bool or None
        "manifest": card["manifest"],
    }  # fmt: skip
    lines = [f"{name:<12} {value}" for name, value in rows.items() if value]
    if facts.coverage and facts.coverage.rows:
        lines += [f"{'coverage':<12} {_whole(facts)}", *(f"  {line}" for line in _grid(facts.coverage.as_grid()))]
    return lines


def _texts(values: object) -> list[str]:
    return [str(value) for value in values] if isinstance(values, list) else []


def _targets(targets: object) -> str:
    """A pattern as it is; names, of many the first."""
    names = _texts(targets)
    some = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")  # noqa: PLR2004 - a line
    return some or str(targets or "")


def _norm(spread: object) -> str:
    if not isinstance(spread, dict):
        return ""
    (least, small), (most, large) = spread["smallest"], spread["largest"]
    return f"{small:.3g} ({least}), median {spread['median']:.3g}, largest {large:.3g} ({most})"


def _whole(facts: AdapterFacts) -> str:
    """How many modules of how many."""
    rows = facts.coverage.rows if facts.coverage else {}
    layers = facts.coverage.layers if facts.coverage else 0
    modules = len(facts.layout.modules) if facts.layout else 0
    return f"{modules} modules, {layers} layers x {sum(bool(has) for has in rows.values())} names"


def _grid(lines: list[str]) -> list[str]:
    """Cut rows of more layers than a line holds."""
    return [line if len(line) <= LINE + 40 else f"{line[: LINE + 37]}..." for line in lines]
