from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Settings:
    checkpoint: str = "HuggingFaceTB/SmolLM2-360M-Instruct"
    batch_size: int = 32
    max_new_tokens: int = 56
    sft_dir: Path = ROOT / "models" / "sft"
    rft_dir: Path = ROOT / "models" / "rft"
    rank: int = 16
    alpha: int = 64
    learning_rate: float = 8e-4
    epochs: int = 5


settings = Settings()
