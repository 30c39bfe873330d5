"""The loop learns what the plain path learns, faster; and says what it chose."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import faults
import on_gpu
import pytest
import support
import torch
from tolerances import BOUNDS, gaps_between

from homework import lora, sft, tokens, trainer_settings, training
from homework.adapter_files import read_manifest
from homework.adapter_store import claim_output
from homework.batching import BatchPlan
from homework.data import Dataset
from homework.errors import BadInput, OutputRefused, RowsUnusable, TrainingFailed
from homework.going_on import train_on
from homework.processes import Processes
from unsilent.outcome import FailureFound
from unsilent.parity import record_logits


def _trajectory(items: list[tokens.Tokens], *, plain: bool, steps: int = 20) -> list[float]:
    """Losses of a run: our batches, or right-padded rows with logits everywhere (the course's recipe)."""
    torch.manual_seed(0)
    model = lora.add_adapter(support.tiny_model(), 4)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    losses = []
    for step in range(steps):
        rows = [items[(step * 4 + offset) % len(items)] for offset in range(4)]
        if plain:
            width = 200
            ids = torch.tensor([row["input_ids"] + [2] * (width - len(row["input_ids"])) for row in rows])
            mask = torch.tensor([row["attention_mask"] + [0] * (width - len(row["input_ids"])) for row in rows])
            labels = torch.tensor([row["labels"] + [-100] * (width - len(row["labels"])) for row in rows])
            loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
        else:
            loss = model(**tokens.Collator(2)(rows)).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


def test_fast_path_learns_what_the_plain_path_learns(small_data: Path) -> None:
    """Over 20 steps in fp32 the two losses differ by less than 1e-4, and both fall."""
    items = tokens.TokenizedDataset(support.tiny_tokenizer(), Dataset("train"), sft.format_example).items
    fast, plain = _trajectory(items, plain=False), _trajectory(items, plain=True)
    gap = max(abs(a - b) for a, b in zip(fast, plain, strict=True))

    assert gap < 1e-4, f"largest difference {gap}"
    assert fast[-1] < fast[0]


def test_run_trains_saves_and_reports(
    tiny_base: Path, small_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Four steps on the tiny model: the loss falls, the adapter moved, every choice is printed and stored."""
    result = support.train_tiny(tiny_base, tmp_path / "out", epochs=4, max_steps=10)
    printed = capsys.readouterr().out
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())

    assert result.log[-1]["loss"] < result.log[0]["loss"]
    assert all(math.isfinite(record["grad_norm"]) for record in result.log)
    for word in ("base model:", "precision:", "batch:", "trainable:", "supervised:", "output:", "step   10/10"):
        assert word in printed
    for name in ("base", "precision", "batch"):
        assert manifest[name]["reason"]
    assert manifest["config"]["lr"] == 1e-2
    assert (manifest["data"]["path"], manifest["data"]["rows"]) == (str(small_data / "train.json"), 40)


def test_saved_adapter_is_trained_and_moves_answers(tiny_base: Path, small_data: Path, tmp_path: Path) -> None:
    """Every lora_B on disk differs from zero, and the base that it names is the one it was trained on."""
    from safetensors.torch import load_file

    support.train_tiny(tiny_base, tmp_path / "out", max_steps=2)
    tensors = load_file(tmp_path / "out" / "adapter_model.safetensors")
    config = json.loads((tmp_path / "out" / "adapter_config.json").read_text())

    assert all(tensor.abs().max() > 0 for name, tensor in tensors.items() if "lora_B" in name)
    assert config["base_model_name_or_path"] == str(tiny_base)


@pytest.mark.no_cover
def test_same_seed_same_adapter(tiny_base: Path, small_data: Path, tmp_path: Path) -> None:
    """Two runs of one configuration write the same bytes; another seed writes others."""
    content = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        support.train_tiny(tiny_base, tmp_path / name, seed=seed, max_steps=2)
        content.append((tmp_path / name / "adapter_model.safetensors").read_bytes())

    assert content[0] == content[1] != content[2]


def test_nan_is_not_saved(tiny_base: Path, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[nan-grad-norm] A run with a NaN weight stops before its first step and leaves nothing but a manifest."""
    real = lora.add_adapter

    def poisoned(model: Any, rank: int, **options: Any) -> Any:  # noqa: ANN401
        adapted = real(model, rank, **options)
        faults.put_nan_into(adapted, "base_model.model.model.layers.0.self_attn.q_proj.lora_B.default.weight")
        return adapted

    monkeypatch.setattr(training, "add_adapter", poisoned)
    with pytest.raises(FailureFound, match="nan-grad-norm"):
        support.train_tiny(tiny_base, tmp_path / "out")

    assert [path.name for path in (tmp_path / "out").iterdir()] == ["manifest.json"]
    assert read_manifest(tmp_path / "out")["stopped"]["failure"] == "nan-grad-norm"
    claim_output(tmp_path / "out", overwrite=False)


@pytest.mark.no_cover
def test_adapter_is_not_overwritten(tiny_base: Path, small_data: Path, tmp_path: Path) -> None:
    """A second run into the same folder is refused before it loads anything, unless told to overwrite."""
    support.train_tiny(tiny_base, tmp_path / "out", max_steps=1)
    before = (tmp_path / "out" / "adapter_model.safetensors").read_bytes()
    with pytest.raises(OutputRefused, match="--overwrite"):
        support.train_tiny(Path("/does/not/exist"), tmp_path / "out")
    assert (tmp_path / "out" / "adapter_model.safetensors").read_bytes() == before

    support.train_tiny(tiny_base, tmp_path / "out", max_steps=2, overwrite=True)
    assert (tmp_path / "out" / "adapter_model.safetensors").read_bytes() != before


def test_too_long_rows_are_refused(tiny_base: Path, small_data: Path, tmp_path: Path) -> None:
    """[answers-truncated] A row beyond max_length is named, not cut; nothing is written."""
    with pytest.raises(RowsUnusable, match=r"at most 30 tokens, but got one of \d+"):
        support.train_tiny(tiny_base, tmp_path / "out", max_length=30)

    assert list(tmp_path.iterdir()) == [small_data]


@pytest.mark.no_cover
@pytest.mark.parametrize(
    ("options", "dtypes"),
    [
        ({"precision": "fp32"}, ("fp32", "fp32")),
        ({"precision": "fp32", "base_dtype": "bf16"}, ("fp32", "bf16")),
        ({"precision": "fp32", "use_fp32_for_training": True}, ("fp32", "fp32")),
    ],
)
def test_manifest_says_how_the_base_was_held(
    tiny_base: Path, small_data: Path, tmp_path: Path, options: dict[str, Any], dtypes: tuple[str, str]
) -> None:
    """Precision and base dtype are stored as they were used."""
    support.train_tiny(tiny_base, tmp_path / "out", max_steps=1, **options)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())

    assert (manifest["precision"]["name"], manifest["dtype"]["base"]) == dtypes


def test_bad_input_loads_nothing(tmp_path: Path, small_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty data set is refused before the base is loaded."""
    (small_data / "train.json").write_text("[]")
    monkeypatch.setattr(training, "_load_base", lambda *arguments: pytest.fail("loaded"))

    with pytest.raises(BadInput, match="an empty list"):
        sft.train_model(str(tmp_path / "out"))


def test_dev_needs_rows_to_train_on(small_data: Path, tmp_path: Path) -> None:
    """One row cannot be both trained on and kept apart."""
    (small_data / "train.json").write_text('[["q", 1]]')

    with pytest.raises(RowsUnusable, match="at least 5 rows with --dev"):
        sft.train_model(str(tmp_path / "out"), dev=True)


def test_rows_with_reasoning_can_be_trained_on(tiny_base: Path, small_data: Path, tmp_path: Path) -> None:
    """SFT on an rft file learns its answers and leaves its reasoning out."""
    (small_data / "rft.json").write_text(json.dumps([["q?", 1.0, "because"]] * 8))
    result = support.train_tiny(tiny_base, tmp_path / "out", split="rft", max_steps=1)

    assert result.log[-1]["step"] == 1


@pytest.mark.no_cover
def test_every_cut_of_a_step_learns_the_same(tiny_base: Path, small_data: Path, tmp_path: Path) -> None:
    """Eight rows at once, four twice or one eight times: the same steps, so the same losses up to rounding in fp32."""
    losses, weights = {}, {}
    for size in (8, 4, 1):
        result = support.train_tiny(tiny_base, tmp_path / str(size), micro_batch_size=size, epochs=2, max_steps=8)
        losses[size] = [record["loss"] for record in result.log]
        weights[size] = on_gpu.weights_of(result.folder)

    for size in (4, 1):
        gaps = gaps_between((losses[8], losses[size]), (weights[8], weights[size]))
        assert gaps.within(BOUNDS["fp32"]), f"{size} rows at once: {gaps}"


def test_run_says_what_it_took(
    tiny_base: Path, small_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tokens a second and peak memory are printed, and kept in the manifest."""
    support.train_tiny(tiny_base, tmp_path / "out", max_steps=2)
    took = json.loads((tmp_path / "out" / "manifest.json").read_text())["consumed"]

    assert "tokens a second" in capsys.readouterr().out
    assert took["tokens"] > 2 * 8 * 20
    assert took["tokens_per_second"] > 0
    assert took["peak_memory_bytes"] > 10**8


def log_of(*norms: float, loss: float = 1.0) -> list[dict[str, float]]:
    """A log with these gradient norms."""
    return [{"step": step, "loss": loss, "grad_norm": norm} for step, norm in enumerate(norms, start=1)]


def test_skipped_steps_of_a_scaler_are_healthy() -> None:
    """With a gradient scaler early norms may be inf; without one they may not."""
    log = log_of(math.inf, math.nan, 1.0)
    training._must_be_finite(log, scaled=True)

    with pytest.raises(TrainingFailed, match=r"got loss 1.0, grad_norm inf. Where: step 1"):
        training._must_be_finite(log, scaled=False)


@pytest.mark.parametrize(
    "log", [log_of(1.0, math.inf), log_of(1.0, loss=math.nan)], ids=["skipping at the end", "NaN loss"]
)
def test_scaler_does_not_excuse_everything(log: list[dict[str, float]]) -> None:
    """A scaler that still skips at the end, or a loss that is not finite, is no healthy run."""
    with pytest.raises(TrainingFailed, match="not saved"):
        training._must_be_finite(log, scaled=True)


def test_weights_that_end_as_nan_are_not_saved(tiny_base: Path, small_data: Path, tmp_path: Path) -> None:
    """A last step that is too large leaves a finite log and NaN logits: the model is asked before it is saved."""
    with pytest.raises(TrainingFailed, match="a trained model whose logits are finite, but got NaN or inf"):
        support.train_tiny(tiny_base, tmp_path / "out", max_steps=1, lr=1e18)

    assert not (tmp_path / "out").exists()


@pytest.mark.no_cover
def test_two_processes_are_planned_for(
    tiny_base: Path, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of them saves; its manifest says how many there were."""
    shared: list[BatchPlan] = []
    monkeypatch.setattr(training, "join", lambda: Processes(0, 2))
    monkeypatch.setattr(training, "on_first", lambda _, act: act())
    monkeypatch.setattr(trainer_settings, "share_batches", lambda _, plan: shared.append(plan))
    support.train_tiny(tiny_base, tmp_path / "sft", max_steps=1)

    assert [(plan.micro_batch_size, plan.accumulation_steps, plan.processes) for plan in shared] == [(4, 1, 2)]
    assert read_manifest(tmp_path / "sft")["batch"]["processes"] == 2


@pytest.mark.no_cover
def test_logits_are_recorded_without_tf32(tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainer sets it for the whole process; whoever loads the adapter does not."""
    seen: list[str] = []

    def train_with_tf32(*args: Any, **named: Any) -> Any:  # noqa: ANN401
        monkeypatch.setattr(torch.backends, "fp32_precision", "tf32")
        return train_on(*args, **named)

    def record_and_look(*args: Any) -> Any:  # noqa: ANN401
        seen.append(torch.backends.fp32_precision)  # type: ignore[attr-defined] # torch 2.9
        return record_logits(*args)

    before = torch.backends.fp32_precision  # type: ignore[attr-defined]
    monkeypatch.setattr(training, "train_on", train_with_tf32)
    monkeypatch.setattr(training, "record_logits", record_and_look)
    support.train_tiny(tiny_base, tmp_path / "out", max_steps=2)

    assert seen == [before] != ["tf32"]
