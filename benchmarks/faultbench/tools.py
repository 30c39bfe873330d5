"""Every column of the matrix: ours, seven other tools in eight ways, two switches of torch and transformers, and none.

Why a tool is not applied to a kind of subject stands beside it, in words that end up below the matrix.
"""

from __future__ import annotations

import contextlib
import dataclasses
from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import adapter_tools as of_adapters
from . import file_tools as of_files
from . import ours, peft_doctor_tools, pytest_torch_tools, run_tools
from .plain import make_plain, on_run
from .ranks import on_both
from .runs import Ranks, Resumed, Run
from .subjects import Adapter, Bundle, Function, Log, Package, Plan, Program, Rows, Source
from .tool import Tool

if TYPE_CHECKING:
    from collections.abc import Callable

    from .subjects import Said

WATCHES = "it watches a training, and there is none"


def live(way: Callable[[Run], list[Said]], package: str) -> dict[type, Callable[[Any], list[Said]]]:
    """What watches a training watches one that goes on, and each rank of one of two processes."""
    return {Run: way, Resumed: way, Ranks: on_both(way, package)}


OURS = dataclasses.replace(ours.OURS, ways=live(ours.on_run, "unsilent") | dict(ours.OURS.ways))
PEFT_DOCTOR = Tool(
    "peft-doctor",
    "peft-doctor",
    live(peft_doctor_tools.peft_doctor, "peft-doctor")
    | {
        Resumed: peft_doctor_tools.peft_doctor_resumed,
        Program: peft_doctor_tools.peft_doctor_program,
        Log: of_files.peft_doctor_log,
        Adapter: of_adapters.peft_doctor_adapter,
        Rows: of_files.peft_doctor_rows,
        Source: of_files.peft_doctor_source,
        Plan: of_files.peft_doctor_plan,
    },
    "it reads settings, rows, logs and adapters",
)
TRAINPROOF = Tool(
    "trainproof",
    "trainproof",
    live(run_tools.trainproof, "trainproof")
    | {
        Log: of_files.trainproof_log,
        Rows: of_files.trainproof_rows,
        Adapter: of_adapters.trainproof_adapter,
        Package: of_files.trainproof_package,
    },
    "it reads rows, logs and torch archives, and tries an import",
)
PYTEST_TORCH = Tool(
    "pytest-torch",
    "pytest-torch",
    {Run: pytest_torch_tools.pytest_torch, Program: pytest_torch_tools.pytest_torch_program},
    "it tests modules and training steps in memory",
    {
        Resumed: "its `assert_resume_equivalent` rehearses an interruption and reads no Trainer's checkpoint",
        Ranks: "its runner rehearses the steps of one process",
    },
)
TOOLS = (
    OURS,
    TRAINPROOF,
    Tool("guardtower", "guardtower", live(run_tools.guardtower_callback, "guardtower"), WATCHES),
    Tool("guardtower.monitor", "guardtower", live(run_tools.guardtower_monitor, "guardtower"), WATCHES),
    PYTEST_TORCH,
    PEFT_DOCTOR,
    Tool(
        "finetune-doctor",
        "finetune-doctor",
        live(of_files.finetune_doctor_run, "finetune-doctor") | {Log: of_files.finetune_doctor_log},
        "it reads the history of a run",
    ),
    Tool(
        "deltalint",
        "deltalint",
        {Adapter: of_adapters.deltalint_adapter},
        "it compares an adapter with its merged model",
    ),
    Tool("dlm-sway", "dlm-sway", {Adapter: of_adapters.sway_adapter}, "it loads a base and an adapter from disk"),
    Tool(
        "picklescan",
        "picklescan",
        {
            Adapter: of_adapters.picklescan_adapter,
            Bundle: of_adapters.picklescan_bundle,
            Package: of_adapters.picklescan_package,
        },
        "it scans files that may hold pickles",
    ),
    Tool("underflow_overflow", "transformers", live(run_tools.underflow_overflow, "transformers"), WATCHES),
    Tool("detect_anomaly", "torch", live(run_tools.detect_anomaly, "torch"), WATCHES),
    make_plain(live(on_run, "transformers")),
)
KINDS = (Run, Resumed, Ranks, Log, Adapter, Program, Rows, Function, Plan, Bundle, Package, Source)


def load() -> None:
    """Import every tool once, before the processes of the cells are forked."""
    for name in (
        "deltalint", "dlm_sway.cli.commands", "finetune_doctor", "guardtower.integrations.huggingface", "peft_doctor",
        "picklescan.scanner", "pytest_torch.training_loop", "trainproof.epoch", "trainproof.integrations.hf",
    ):  # fmt: skip
        with contextlib.suppress(ImportError):
            import_module(name)
