"""Is the whole model small enough for the grader, base and adapter together?

Counted are all parameters, frozen ones as well, as ``sum(p.numel() for p in model.parameters())`` does: tied weights
once, copies that an adapter trains beside the original (``modules_to_save``) twice. Before anything is trained or
loaded, the two configurations are enough: transformers and PEFT build both without weights, in a process of their own.

    check_adapter_parameters(Path("SmolLM2-360M-Instruct"), Path("homework/sft_model"))
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .base_shapes import compare_with_base
from .outcome import failed, passed, skipped
from .plain_files import NotPlain, open_plain

if TYPE_CHECKING:
    from pathlib import Path

    from .failures import Stage
    from .outcome import Outcome

SLUG = "base-too-large"
STAGE: Stage = "submission"
LIMIT = 380_000_000  # the course's grader; SmolLM2-360M has 361,821,120
LARGEST_CONFIG = 10_000_000  # bytes
CONFIG = "adapter_config.json"


def check_parameters(count: int | None, limit: int = LIMIT, *, reason: str = "", where: str = "the model") -> Outcome:
    """Decide whether a model has more parameters than the grader accepts.

    Args:
        count: Of base and adapter together; None where nobody could count.
        limit: Reached is not exceeded.
        reason: Why there is no count, where there is none.
        where: What was counted.
    """
    if count is None:
        return skipped(SLUG, STAGE, reason or "nothing was counted")
    if count <= limit:
        return passed(SLUG, STAGE)
    return failed(
        SLUG,
        STAGE,
        f"Expected at most {limit:,} parameters, but got {count:,}, {count - limit:,} too many. Where: {where}. "
        "What to do: take a smaller base, or lower the rank of the adapter.",
        {"parameters": count, "limit": limit},
    )


def check_adapter_parameters(base: Path, adapter: Path, limit: int = LIMIT) -> Outcome:
    """Decide the same from a base's ``config.json`` and an adapter's ``adapter_config.json`` alone.

    Args:
        base: A folder.
        adapter: A folder; its weights need not be there yet.
        limit: As above.
    """
    try:
        with open_plain(adapter / CONFIG) as file:
            config = json.loads(file.read(LARGEST_CONFIG))
    except (NotPlain, OSError, ValueError, RecursionError) as error:
        return skipped(SLUG, STAGE, f"{CONFIG} cannot be read ({type(error).__name__}: {error})"[:300])
    if not isinstance(config, dict):
        return skipped(SLUG, STAGE, f"{CONFIG} holds no object")
    if config.get("layer_replication"):  # PEFT 0.21 shares their weights when it loads, not when it builds without any
        return skipped(SLUG, STAGE, "the layers it replicates share weights, which a configuration does not count")
    found = compare_with_base(base, config, {})
    where = f"{adapter} on {base}"
    return check_parameters(found.adapted_parameters or None, limit, reason=found.complaint, where=where)
