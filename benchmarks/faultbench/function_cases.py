"""Functions of somebody's own that find, load or score, and plans that are settled before anything is trained."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

import faults
import support
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from homework.adapter_files import find_adapter
from homework.base_llm import BaseLLM
from homework.data import BenchmarkResult

from .registry import control, fault
from .runs import adapted
from .subjects import Function, Plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@fault(Function, "adapter-format")
def finder_of_bin_alone(folder: Path) -> Function:
    """A finder that knows adapter_model.bin alone."""
    folder.mkdir(parents=True, exist_ok=True)
    return Function("finder", faults.look_for_bin_alone)


@fault(Function, "adapter-missing")
def loader_that_creates(folder: Path) -> Function:
    """A loader that creates the adapter it cannot find."""
    base = support.write_tiny_base(folder / "base")
    return Function("loader", lambda path: faults.create_when_missing(base, path))


@fault(Function, "deprecated-dtype-argument")
def dtype_swallowed(folder: Path) -> Function:
    """A loader that drops dtype: it knows torch_dtype alone."""
    base = support.write_tiny_base(folder / "base")
    return Function("dtype", lambda dtype: faults.swallow_dtype(base, dtype=dtype))


@fault(Function, "deprecated-dtype-argument")
def torch_dtype_passed(folder: Path) -> Function:
    """Transformers 5 is called with torch_dtype."""
    base = support.write_tiny_base(folder / "base")
    return Function("dtype", lambda dtype: faults.pass_torch_dtype(base, dtype))


RIGHT = [300.0, 2000.0, 60.0]


@fault(Function, "nan-score")
def grader_in_points(folder: Path) -> Function:
    """A grader that converts NaN to an integer."""
    folder.mkdir(parents=True, exist_ok=True)
    return Function("scorer", lambda answers: faults.grade_in_points(answers, RIGHT), {"right": RIGHT})


@fault(Function, "nan-score")
def grader_by_exclusion(folder: Path) -> Function:
    """A grader to which NaN is right."""
    folder.mkdir(parents=True, exist_ok=True)
    return Function("scorer", lambda answers: faults.grade_by_exclusion(answers, RIGHT), {"right": RIGHT})


@fault(Function, "nan-score")
def score_clipped(folder: Path) -> Function:
    """A bound makes a perfect score of NaN."""
    folder.mkdir(parents=True, exist_ok=True)
    return Function("scorer", lambda answers: faults.clip_score(sum(answers) / 2360), {"right": RIGHT})


@control(Function)
def finder_of_every_format(folder: Path) -> Function:
    """A finder that knows every format."""
    folder.mkdir(parents=True, exist_ok=True)
    return Function("finder", lambda path: find_adapter(str(path), command="train"))


@control(Function)
def loader_of_both_names(folder: Path) -> Function:
    """A loader that takes dtype."""
    base = support.write_tiny_base(folder / "base")
    return Function("dtype", lambda dtype: BaseLLM(str(base), dtype=dtype, device="cpu"))


@control(Function)
def plain_grader(folder: Path) -> Function:
    """A grader to which NaN is wrong."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [("q", right) for right in RIGHT]
    return Function("scorer", lambda answers: BenchmarkResult.from_answers(answers, rows, 3), {"right": RIGHT})


# plans

# So large that a formula with a fixed part of 1.8 GB, as peft-doctor's, has room for the plan that fits, and that 32
# rows are beyond the memory for every way to estimate them: peft-doctor's own has 32 MB a row, measured it is 300.
TOKENS, MEMORY = 1024, 2_700_000_000
LARGER = {"hidden_size": 256, "intermediate_size": 688, "num_hidden_layers": 16, "num_attention_heads": 4,
          "num_key_value_heads": 2, "vocab_size": 259}  # fmt: skip


def plan(rows: int, steps: int) -> Plan:
    """A batch plan on 2.7 GB of memory."""
    model = adapted(LlamaForCausalLM(LlamaConfig(**LARGER))).train()
    row = {name: torch.ones(1, TOKENS, dtype=torch.int64) for name in ("input_ids", "attention_mask", "labels")}
    batch = {"micro_batch_size": rows, "accumulation_steps": steps, "effective_batch": 32, "memory_bytes": MEMORY}
    return Plan({"model": model, "row": row, **batch})


@fault(Plan, "micro-batch-too-large")
def planned_without_looking(folder: Path) -> Plan:
    """32 rows at once on 2.7 GB."""
    folder.mkdir(parents=True, exist_ok=True)
    return plan(*faults.plan_without_looking())


@fault(Plan, "micro-batch-too-large", words="effective-batch")
def accumulation_not_halved(folder: Path) -> Plan:
    """Micro-batch doubled, accumulation not halved."""
    folder.mkdir(parents=True, exist_ok=True)
    return plan(*faults.grow_micro_batch_alone(2, 16))


@control(Plan)
def plan_that_fits(folder: Path) -> Plan:
    """2 rows, 16 times."""
    folder.mkdir(parents=True, exist_ok=True)
    return plan(2, 16)


COURSE_BASE = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 960, "intermediate_size": 2560,
    "num_hidden_layers": 32, "num_attention_heads": 15, "num_key_value_heads": 5, "vocab_size": 49152,
    "tie_word_embeddings": True,
}  # fmt: skip
COURSE_ADAPTER = {"peft_type": "LORA", "r": 33, "target_modules": "all-linear", "task_type": "CAUSAL_LM"}


def sized(folder: Path, spoil: Callable[[Path, Path], object] = lambda base, adapter: None) -> Plan:
    """Configurations of the course's 360M and of an adapter on it."""
    base, adapter = folder / "base", folder / "sft"
    for path, name, content in ((base, "config.json", COURSE_BASE), (adapter, "adapter_config.json", COURSE_ADAPTER)):
        path.mkdir(parents=True)
        (path / name).write_text(json.dumps(content))
    spoil(base, adapter)
    return Plan(base=base, adapter=adapter)


fault(Plan, "base-too-large", slug="rank-too-high", title="A rank that the limit has no room for")(
    partial(sized, spoil=lambda _, adapter: faults.raise_rank(adapter, 34))
)
fault(Plan, "base-too-large", slug="base-of-more-layers", title="A base with two layers more")(
    partial(sized, spoil=lambda base, _: faults.take_larger_base(base, 34))
)
control(Plan, slug="largest-rank-that-fits", title="The largest rank that fits")(sized)
