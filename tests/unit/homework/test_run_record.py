"""Before the first step a run is checked; afterwards it says everything that was chosen."""

from __future__ import annotations

from pathlib import Path

import pytest
import support

from homework import run_record, sft
from homework.adapter_files import read_manifest
from homework.batching import BatchPlan
from homework.configuration import TrainingConfig
from homework.lora import add_adapter
from homework.precision import Precision
from homework.tokens import TokenizedDataset
from unsilent.outcome import FailureFound, Outcome

FP32 = Precision("fp32", "fp32", "asked for")


@pytest.fixture
def llm(tiny_base: Path) -> sft.SFTModel:
    """The tiny model with an adapter, ready to train."""
    loaded = sft.SFTModel(str(tiny_base), dtype="fp32", device="cpu")
    loaded.model = add_adapter(loaded.model, 4)
    return loaded


def check(llm: sft.SFTModel, config: TrainingConfig, precision: Precision, batch: BatchPlan) -> list[Outcome]:
    """Run the checks on two rows."""
    items = TokenizedDataset(llm.tokenizer, [("How many?", 5.0), ("How many more of them?", 6.0)], sft.format_example)
    return run_record.check_plan(llm, items, config, precision, batch)


def test_healthy_run_passes(llm: sft.SFTModel) -> None:
    """Every check ran and passed."""
    outcomes = check(llm, TrainingConfig(), FP32, BatchPlan(8, 4, ""))

    assert {outcome.slug: outcome.status for outcome in outcomes} == {
        "fp16-unguarded": "passed",
        "micro-batch-too-large": "passed",
    }


def test_error_stops_before_the_first_step(llm: sft.SFTModel) -> None:
    """A plan that changes the effective batch is not trained."""
    with pytest.raises(FailureFound, match=r"micro-batch-too-large. Expected an effective batch of 32 rows"):
        check(llm, TrainingConfig(), FP32, BatchPlan(8, 2, ""))


def test_risk_is_said_and_stored(llm: sft.SFTModel, capsys: pytest.CaptureFixture[str]) -> None:
    """fp16 where there is no CUDA is a risk: printed, and among the verdicts."""
    outcomes = check(llm, TrainingConfig(precision="fp16"), Precision("fp16", "fp32", ""), BatchPlan(8, 4, ""))

    assert "risk: fp16-unguarded: Expected bf16 or fp32" in capsys.readouterr().out
    assert [outcome.status for outcome in outcomes] == ["failed", "passed"]


def test_manifest_holds_every_choice(tiny_base: Path, small_data: Path, tmp_path: Path) -> None:
    """Base, data, precision, batch, adapter, versions, log and verdicts, each with what identifies it."""
    support.train_tiny(tiny_base, tmp_path / "out")
    manifest = read_manifest(tmp_path / "out")

    assert len(manifest["base"]["config_sha256"]) == len(manifest["data"]["sha256"]) == 64
    assert manifest["lora"]["target_modules"] == [
        "down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj",
    ]  # fmt: skip
    assert manifest["log"]["steps"] == 4
    assert manifest["log"]["lowest_loss"] <= manifest["log"]["first"]["loss"]
    assert [record[0] for record in manifest["log"]["records"]] == [1, 2, 3, 4]
    assert manifest["log"]["records"][0] == [manifest["log"]["first"][name] for name in ("step", "loss", "grad_norm")]
    assert manifest["device"]["kind"] in ("cpu", "cuda", "mps")
    assert len(manifest["verdicts"]) > 25
    assert {verdict["status"] for verdict in manifest["verdicts"]} == {"passed", "skipped"}
    assert len(manifest["logits"]["asked"]) == 4


@pytest.mark.parametrize(
    ("count", "kept"), [(1, [1]), (2, [1, 2]), (499, [*range(1, 500)]), (1000, [*range(1, 998, 3), 1000])]
)
def test_manifest_keeps_part_of_a_long_log(count: int, kept: list[int]) -> None:
    """Every so many records, and always the last."""
    log = [{"step": float(step), "loss": 1.0, "grad_norm": 1.0} for step in range(1, count + 1)]
    records = run_record._summary(log)["records"]

    assert isinstance(records, list)
    assert [record[0] for record in records] == kept


@pytest.mark.parametrize(("value", "expected"), [(1.5, 1.5), (float("inf"), "inf"), (float("nan"), "nan")])
def test_norm_of_a_skipped_step_becomes_a_word(value: float, expected: object) -> None:
    """JSON has neither inf nor NaN."""
    assert run_record._plain(value) == expected
