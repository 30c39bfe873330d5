"""What the Trainer is told on which device, and what it prints."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from homework import sft, tokens, trainer_settings
from homework.batching import BatchPlan
from homework.configuration import TrainingConfig
from homework.precision import Precision


def test_new_gpus_get_tf32_and_one_device(tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TF32 from Ampere on, one kernel for the optimizer unless a scaler is at work, and one device of several."""
    made: list[dict[str, object]] = []

    class Recorded:
        n_gpu = 4

        def __init__(self, **options: object) -> None:
            made.append(options)

    class NoTrainer:
        def __init__(self, **options: object) -> None:
            made[-1]["n_gpu"] = options["args"]._n_gpu  # type: ignore[attr-defined] # set by our code

        def remove_callback(self, callback: object) -> None:
            """Nothing to remove."""

    monkeypatch.setattr(trainer_settings, "TrainingArguments", Recorded)
    monkeypatch.setattr(trainer_settings, "ResumableTrainer", NoTrainer)
    llm = sft.SFTModel(str(tiny_base), device="cpu")
    llm.device = torch.device("cuda")
    items = tokens.TokenizedDataset(llm.tokenizer, [], sft.format_example)
    for capability, name in (((7, 5), "fp16"), ((9, 0), "bf16")):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda capability=capability: capability)
        trainer_settings.make_trainer(llm, items, TrainingConfig(), Precision(name, "fp32", ""), BatchPlan(8, 4, ""))

    assert [options.get("tf32") for options in made] == [None, True]
    assert [options["optim"] for options in made] == ["adamw_torch", "adamw_torch_fused"]
    assert [options["accelerator_config"] for options in made] == [{"non_blocking": True}] * 2
    assert [options["n_gpu"] for options in made] == [1, 1]
    assert not any(options["use_cpu"] for options in made)


def test_time_left_counts_the_steps_of_this_process() -> None:
    """A run that goes on at step 90 of 100 with a second a step has five to go after five."""
    lines = trainer_settings.StepLines()
    state = SimpleNamespace(global_step=90, max_steps=100)
    lines.on_train_begin(None, state, None)
    lines.started -= 5
    state.global_step = 95
    with pytest.MonkeyPatch.context() as patch:
        said: list[str] = []
        patch.setattr("builtins.print", lambda text, **_: said.append(text))
        lines.on_log(None, state, None, {"loss": 1.0, "grad_norm": 1.0, "learning_rate": 1.0})

    assert said[0].endswith("   5 s left")
