from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch

PACKAGE_DIR = Path(__file__).resolve().parent
DATA_DIR = PACKAGE_DIR.parent / "data"


@dataclass(frozen=True)
class ModelSettings:
    checkpoint: str = "HuggingFaceTB/SmolLM2-360M-Instruct"
    dtype: torch.dtype = torch.float32
    max_new_tokens: int = 20
    max_rows: int = 240

    @property
    def device(self) -> str:
        return "cuda" if torch.cuda.is_available() else "cpu"


@dataclass(frozen=True)
class LoraSettings:
    r: int = 8
    lora_alpha: int = 32
    lora_dropout: float = 0.05
    bias: str = "none"
    task_type: str = "CAUSAL_LM"
    target_modules: str = "all-linear"

    def build(self):
        from peft import LoraConfig

        return LoraConfig(**asdict(self))


@dataclass(frozen=True)
class Precision:
    """The switches of TrainingArguments that depend on the card."""

    bf16: bool = False
    fp16: bool = False

    @classmethod
    def detect(cls) -> "Precision":
        if not torch.cuda.is_available():
            return cls()
        major, _ = torch.cuda.get_device_capability()
        if major >= 8:
            return cls(bf16=True)
        return cls(fp16=True)


@dataclass(frozen=True)
class TrainSettings:
    learning_rate: float = 7e-4
    num_train_epochs: int = 5
    per_device_train_batch_size: int = 32
    lr_scheduler_type: str = "cosine"
    warmup_steps: int = 5
    logging_steps: int = 5
    logging_nan_inf_filter: bool = False
    save_strategy: str = "no"
    report_to: str = "none"
    seed: int = 42

    def build(self, output_dir: Path, precision: Precision):
        from transformers import TrainingArguments

        return TrainingArguments(str(output_dir), label_names=["labels"], **asdict(self), **asdict(precision))


@dataclass(frozen=True)
class Experiment:
    name: str
    max_length: int
    model: ModelSettings = field(default_factory=ModelSettings)
    lora: LoraSettings = field(default_factory=LoraSettings)
    train: TrainSettings = field(default_factory=TrainSettings)

    @property
    def folder(self) -> Path:
        return PACKAGE_DIR / self.name

    def with_train(self, **changes) -> "Experiment":
        return replace(self, train=replace(self.train, **{k: v for k, v in changes.items() if v is not None}))


SFT = Experiment("sft_model", max_length=96)
RFT = Experiment(
    "rft_model",
    max_length=192,
    model=ModelSettings(max_new_tokens=90),
    train=TrainSettings(learning_rate=5e-4, per_device_train_batch_size=16),
)
COT = ModelSettings(max_new_tokens=90)
