"""All knobs of the homework. Presets live in registries, everything can be overridden by name."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

PACKAGE_ROOT = Path(__file__).parent
PARAMETER_BUDGET = 380_000_000


@dataclass(frozen=True)
class ModelConfig:
    checkpoint: str = "HuggingFaceTB/SmolLM2-360M-Instruct"
    device: str | None = None
    micro_batch_size: int = 32
    max_new_tokens: int = 80

    def resolved_device(self) -> str:
        import torch

        return self.device or ("cuda" if torch.cuda.is_available() else "cpu")


@dataclass(frozen=True)
class AdapterConfig:
    name: str
    r: int
    alpha: int
    targets: str | tuple[str, ...] = "all-linear"
    dropout: float = 0.0
    use_rslora: bool = False
    use_dora: bool = False
    inference_mode: bool = False

    def to_peft(self):
        from peft import LoraConfig

        targets = self.targets if isinstance(self.targets, str) else list(self.targets)
        return LoraConfig(
            r=self.r,
            lora_alpha=self.alpha,
            target_modules=targets,
            lora_dropout=self.dropout,
            use_rslora=self.use_rslora,
            use_dora=self.use_dora,
            inference_mode=self.inference_mode,
            bias="none",
            task_type="CAUSAL_LM",
        )


ADAPTERS: dict[str, AdapterConfig] = {
    preset.name: preset
    for preset in (
        AdapterConfig("default", r=8, alpha=32, dropout=0.05),
        AdapterConfig("reasoning", r=12, alpha=48, dropout=0.05),
        AdapterConfig("rslora", r=8, alpha=16, use_rslora=True),
        AdapterConfig("dora", r=8, alpha=32, use_dora=True),
        # high rank, but on two projections only: about 6.6 million parameters
        AdapterConfig("attention-only", r=64, alpha=128, targets=("q_proj", "v_proj")),
    )
}


@dataclass(frozen=True)
class OptimConfig:
    learning_rate: float = 7e-4
    epochs: float = 5
    batch_size: int = 16
    accumulation: int = 2
    warmup_ratio: float = 0.05
    checkpointing: bool = True
    # fp16 is a switch in TrainingArguments, but none of the runs used it
    fp16: bool = False
    seed: int = 7


@dataclass(frozen=True)
class RunConfig:
    name: str
    adapter: AdapterConfig
    optim: OptimConfig = field(default_factory=OptimConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    split: str = "train"
    max_length: int = 128
    eval_rows: int = 64
    directory: str | None = None

    @property
    def output_dir(self) -> Path:
        return Path(self.directory or PACKAGE_ROOT / f"{self.name}_model")

    def override(self, output_dir: str | None = None, **changes) -> "RunConfig":
        """`adapter="dora", learning_rate=1e-3` -> a new config; unknown names raise."""
        adapter = ADAPTERS[changes.pop("adapter")] if "adapter" in changes else self.adapter
        known = {f.name for f in fields(OptimConfig)}
        unknown = set(changes) - known
        if unknown:
            raise TypeError(f"unknown options {sorted(unknown)}, choose from {sorted(known)}")
        return replace(self, directory=output_dir, adapter=adapter, optim=replace(self.optim, **changes))

    def dump(self, directory: Path):
        (directory / "run_config.json").write_text(json.dumps(asdict(self), indent=2, default=str))


RUNS = {
    "sft": RunConfig("sft", ADAPTERS["default"]),
    "rft": RunConfig("rft", ADAPTERS["reasoning"], split="rft", max_length=256),
}
