import os
from pathlib import Path

HERE = Path(__file__).resolve().parent
DATA_DIR = HERE.parent / "data"

CHECKPOINT = os.environ.get("HW_CHECKPOINT", "HuggingFaceTB/SmolLM2-360M-Instruct")


def _int(name, default):
    try:
        return int(os.environ[name])
    except (KeyError, ValueError):
        return default


RANK = _int("HW_RANK", 64)
EPOCHS = _int("HW_EPOCHS", 5)
BATCH = _int("HW_BATCH", 32)
MAX_NEW_TOKENS = _int("HW_NEW_TOKENS", 70)


def place(name):
    try:
        path = Path(name)
    except TypeError:
        raise TypeError(f"a folder name is needed, got {name!r}") from None
    return path if len(path.parts) > 1 else HERE / path
