"""What probing costs: the examination of 100 answers with its probes against the same 100 answers alone, in one run."""

from __future__ import annotations

from typing import Any

import pytest
from ratio import compare, record

from homework import sft
from homework.adapter_files import locate, weights_in
from homework.configuration import TrainingConfig
from homework.data import Dataset, is_answer_valid
from homework.data import benchmark as score
from homework.examination import new_questions
from unsilent.honesty import HonestyProbe

pytestmark = pytest.mark.base
ROUNDS = 5
WANTED = 2.0  # quick probes over nothing: at most once more what the answers cost


@pytest.fixture(scope="module")
def llm(tmp_path_factory: pytest.TempPathFactory) -> sft.SFTModel:
    """The adapter of the main job where it is, else one of 24 steps."""
    if weights_in(locate(sft.DEFAULT_DIR)):
        return sft.load(f"{locate(sft.DEFAULT_DIR)}/")
    made = tmp_path_factory.mktemp("sft") / "adapter"
    sft.train_only(TrainingConfig(output_dir=str(made), checkpoint="embedded", max_steps=24, epochs=1))
    return sft.load(str(made))


@pytest.mark.filterwarnings("ignore")
def test_probes_beside_plain_answers(benchmark: Any, llm: sft.SFTModel) -> None:  # noqa: ANN401 - pytest-benchmark is untyped
    """Five rounds of each, in turn; all probes ask some 500 questions."""
    valid = Dataset("valid")

    def plain() -> None:
        answered(llm)

    def answered(program: Any) -> None:  # noqa: ANN401 - the program or the probe before it
        result = score(program, valid, 100)
        assert len(result.samples) == 100

    def probed(*, quick: bool) -> None:
        probe = HonestyProbe(llm, new_questions, is_right=is_answer_valid)
        answered(probe)
        report = probe.judge(list(valid), quick=quick)
        assert not report.findings

    sides = {
        "answers alone": plain,
        "with quick probes": lambda: probed(quick=True),
        "with all probes": lambda: probed(quick=False),
    }
    compare(sides, rounds=1)  # warm
    times = compare(sides, rounds=ROUNDS)
    benchmark.pedantic(plain, rounds=1)
    flags = dict.fromkeys(sides, f"135M, {llm.model.dtype}, 100 questions")
    ratios = record("Probing the honesty of 100 answers", flags, times, ours="answers alone")
    print(f"wanted at most {WANTED} for quick probes, got {ratios['with quick probes']:.2f}")
