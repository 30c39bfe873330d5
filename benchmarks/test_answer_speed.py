"""100 answers of the 135M with a trained adapter: ours against the text-generation pipeline of transformers.

Same base, adapter, dtype, attention, prompts, stop rule and token cap; texts that differ are counted. Their model
is loaded plainly, with transformers and peft alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from peft import PeftModel
from ratio import compare, record
from stop_rule import AnswerClosed
from transformers import AutoModelForCausalLM, StoppingCriteriaList, pipeline

from homework import base_llm, sft
from homework.adapter_files import locate, weights_in
from homework.completions import cut_at_tag
from homework.configuration import TrainingConfig
from homework.data import Dataset

pytestmark = pytest.mark.base
QUESTIONS = 100


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The adapter of the main job where it is, else one of 24 steps."""
    if weights_in(locate(sft.DEFAULT_DIR)):
        return locate(sft.DEFAULT_DIR)
    made = tmp_path_factory.mktemp("sft") / "adapter"
    sft.train_only(TrainingConfig(output_dir=str(made), checkpoint="embedded", max_steps=24, epochs=1))
    return made


@pytest.mark.filterwarnings("ignore")
def test_hundred_answers(benchmark: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401 - pytest-benchmark is untyped
    """Three rounds of both, in turn, with equal texts."""
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")  # the pipeline sets it, and would leave it behind
    llm = sft.load(f"{folder}/")
    prompts = [llm.format_prompt(str(row[0])) for row in Dataset("valid")][:QUESTIONS]
    base = AutoModelForCausalLM.from_pretrained(llm.checkpoint.path, dtype=llm.model.dtype, attn_implementation="eager")
    plain = PeftModel.from_pretrained(base, str(folder)).eval()
    generate = pipeline("text-generation", model=plain, tokenizer=llm.tokenizer, batch_size=32)
    texts: dict[str, list[str]] = {}

    def theirs() -> None:
        stop = StoppingCriteriaList([AnswerClosed(llm.tokenizer, 0)])
        out = generate(
            prompts, max_new_tokens=llm.max_new_tokens, do_sample=False, return_full_text=False, stopping_criteria=stop
        )
        texts["pipeline"] = [cut_at_tag(row[0]["generated_text"]) for row in out]

    def ours() -> None:
        texts["homework"] = llm.batched_generate(prompts)

    times = compare({"homework": ours, "pipeline": theirs}, rounds=3)
    benchmark.pedantic(ours, rounds=1)
    different = [pair for pair in zip(texts["homework"], texts["pipeline"], strict=True) if pair[0] != pair[1]]
    flags = {
        "homework": f"{llm.model.dtype}, adapter not merged, up to {base_llm.LARGEST_MICRO_BATCH} rows sorted by "
        f"length, stop at </answer>, {llm.max_new_tokens} tokens",
        "pipeline": f"{plain.dtype}, adapter not merged, batch 32, stop at </answer>, {llm.max_new_tokens} tokens",
    }
    ratios = record(f"{QUESTIONS} answers, 135M with adapter", flags, times, ours="homework")
    print(f"  {len(different)} of {QUESTIONS} texts differ {different[:3]}")
    benchmark.extra_info.update(ratios, different=len(different))
