"""Fine-tuning on the model's own correct reasoning: the name is here, the training is not built yet.

Until it is, loading raises and names the command that will train one; nothing is made up in its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from .adapter_files import locate
from .errors import AdapterMissing, TrainingFailed

if TYPE_CHECKING:
    from .base_llm import BaseLLM

TRAIN_COMMAND = "python -m homework.rft train"
DEFAULT_DIR = "rft_model"


def load(ckpt_path: str = DEFAULT_DIR) -> BaseLLM:
    """Load the RFT adapter.

    Raises:
        AdapterMissing: Always, in this version.
    """
    raise AdapterMissing(
        expected="a trained RFT adapter",
        got="none: RFT training is not built yet",
        where=str(locate(ckpt_path)),
        action=f"use load_sft() for now; later: {TRAIN_COMMAND}",
    )


def train_model() -> NoReturn:
    """Say that RFT training is not built yet."""
    raise TrainingFailed(
        expected="a version with RFT training",
        got="one without",
        where=TRAIN_COMMAND,
        action="train with SFT: python -m homework.sft train",
    )


def test_model(ckpt_path: str = DEFAULT_DIR) -> None:
    """Load the RFT adapter, which in this version says what is missing."""
    load(ckpt_path)


def main() -> None:
    """Run ``python -m homework.rft train|test|load``."""
    from .command_line import run  # noqa: PLC0415

    run({"train": train_model, "test": test_model, "load": test_model}, prog="homework.rft")


if __name__ == "__main__":
    main()
