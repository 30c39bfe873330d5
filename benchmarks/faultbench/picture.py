"""The result as a picture for the README: for each tool what it made of the faults, and how often it cried wolf.

Grey text and a transparent ground, so that it can be read on white and on black.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .matrix import counts, version_of

if TYPE_CHECKING:
    from pathlib import Path

GREY = "#808080"  # between GitHub's two grounds
COLOURS = {
    "cause": ("#2f9e62", "cause named"),
    "symptom": ("#d9a521", "symptom only"),
    "missed": ("#cf4a3c", "missed"),
    "crashed on a fault": ("#8f5fbf", "crashed"),
    "not applied": ("#80808038", "not applied"),
    "not run on a fault": ("#80808010", "not run"),
}


def draw(content: dict[str, Any], path: Path) -> None:
    """Draw one bar a tool, faults on the left, false alarms on the right."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    tools = list(content["tools"])
    counted = {tool: counts(content["cases"], tool) for tool in tools}
    faults = sum(not row["healthy"] for row in content["cases"].values())
    controls = len(content["cases"]) - faults
    settings = {"svg.fonttype": "none", "svg.hashsalt": "faultbench", "font.size": 10, "text.color": GREY,
                "xtick.color": GREY, "ytick.color": GREY, "axes.edgecolor": GREY, "axes.labelcolor": GREY}  # fmt: skip
    with mpl.rc_context(settings):
        figure, (left, right) = plt.subplots(
            1, 2, figsize=(10, 0.36 * len(tools) + 1.3), width_ratios=(3, 1), sharey=True, layout="constrained"
        )
        for place, tool in enumerate(tools):
            one = counted[tool]
            begin = 0
            for name, (colour, _) in COLOURS.items():
                width = one[name]
                left.barh(place, width, left=begin, color=colour, height=0.72)
                if width >= 0.03 * faults:
                    shade = "white" if not name.startswith("not ") else GREY
                    left.text(begin + width / 2, place, str(width), ha="center", va="center", color=shade, fontsize=8)
                begin += width
            right.barh(place, one["controls"], color=COLOURS["not applied"][0], height=0.72)
            right.barh(place, one["false alarm"], color=COLOURS["missed"][0], height=0.72)
            told = f" {one['false alarm']} of {one['controls']}" if one["controls"] else " -"
            right.text(one["controls"], place, told, va="center", fontsize=8)
        left.set_yticks(range(len(tools)), [f"{tool} {version_of(content, tool)}" for tool in tools])
        left.invert_yaxis()
        left.set_xlim(0, faults)
        right.set_xlim(0, controls * 1.35)
        left.set_title(f"{faults} faults", color=GREY, fontsize=10)
        right.set_title(f"false alarms, {controls} controls", color=GREY, fontsize=10)
        for axes in (left, right):
            axes.tick_params(length=0)
            axes.set_xticks([])
            axes.spines[:].set_visible(False)
        handles = [plt.Rectangle((0, 0), 1, 1, color=colour) for colour, _ in COLOURS.values()]
        figure.legend(
            handles, [label for _, label in COLOURS.values()], loc="outside lower center", ncols=5, frameon=False
        )
        figure.savefig(path, transparent=True, metadata={"Date": None})
        plt.close(figure)
