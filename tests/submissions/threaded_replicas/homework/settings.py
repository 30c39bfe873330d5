import os
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Stage:
    name: str
    split: str
    rank: int
    lr: float
    epochs: int
    max_new_tokens: int
    batch_size: int = 32
    max_length: int = 160
    directory: Path = field(init=False)

    def __post_init__(self):
        home = Path(os.environ.get("ADAPTER_HOME", ROOT))
        object.__setattr__(self, "directory", home / f"{self.name}_adapter")


CHECKPOINT = os.environ.get("BASE_CHECKPOINT", "HuggingFaceTB/SmolLM2-360M-Instruct")
SFT = Stage("sft", "train", rank=8, lr=7e-4, epochs=6, max_new_tokens=24)
RFT = Stage("rft", "rft", rank=16, lr=5e-4, epochs=6, max_new_tokens=80)
