"""Rule: a base too large for the budget, by its name or by the rank that is put on it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .code_findings import Finding, certainty
from .model_calls import in_trainings, is_model_call, loads_base, makes_adapter, trainings
from .symbols import Const, Many, Result, Text, calls_in, constant, things, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .code_findings import Reading
    from .entry_points import Run
    from .model_calls import Training
    from .symbols import Call, Thing, Value

BUDGET = 380_000_000  # parameters of base and adapter together: the course's grader
# SmolLM2-360M: hidden 960, intermediate 2560, 32 layers, 5 key/value heads of 64. LoRA costs a module in + out numbers
# for each rank; the sum over all linear layers, 542,720, is the one in FACTS.
BASE_360M = 361_821_120
LAYERS = 32
EMBEDDING = 49_152 * 960
COST = {
    "q_proj": 960 + 960,
    "k_proj": 960 + 320,
    "v_proj": 960 + 320,
    "o_proj": 960 + 960,
    "gate_proj": 960 + 2560,
    "up_proj": 960 + 2560,
    "down_proj": 960 + 2560,
}
SIZE = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)\s*([mb])(?![a-z])", re.IGNORECASE)


def find_large_bases(reading: Reading) -> Iterator[Finding]:
    """[base-too-large] A base whose name says more than the budget, or a rank that takes base and adapter above it."""
    for run in reading.runs:
        for call in run.calls:
            if loads_base(call):
                for choice in call.argument("pretrained_model_name_or_path", 0):
                    size = size_of(choice.thing)
                    if size > BUDGET and _answers(run, call):
                        yield Finding(
                            "base-too-large", choice.site, certainty(choice),
                            f"at most {BUDGET:,} parameters", f"a base of about {size:,}", "take the 360M base",
                            choice.path, run.name,
                        )  # fmt: skip
        for act in trainings(run):
            yield from _ranks(run, act)


def _answers(run: Run, load: Call) -> bool:
    """Whether a base is trained, answers or is handed out; a teacher that only writes rows may be larger."""
    asked = (
        choice
        for call in (run.calls if run.asked else ())
        if is_model_call(call) and {"answer", "generate", "batched_generate"} & {one.name for one in call.stack}
        for choice in call.receiver
    )
    given = walk((*asked, *run.result), with_attrs=True)
    return in_trainings(run, load) or any(isinstance(one.thing, Result) and one.thing.call is load for one in given)


def size_of(thing: Thing) -> int:
    """The parameters that a model's name tells; 0 where it tells none."""
    name = (
        thing.value
        if isinstance(thing, Const)
        else "".join(part for part in thing.parts if isinstance(part, str))
        if isinstance(thing, Text)
        else ""
    )
    found = SIZE.findall(name) if isinstance(name, str) else []
    sizes = [round(float(number) * (1e6 if unit.lower() == "m" else 1e9)) for number, unit in found]
    return max(sizes, default=0)


def _ranks(run: Run, act: Training) -> Iterator[Finding]:
    inner = list(calls_in(act.fed))
    small = [
        choice
        for call in inner
        if loads_base(call)
        for choice in call.argument("pretrained_model_name_or_path", 0)
        if _is_360m(choice.thing)
    ]
    given = [call.argument("peft_config", 1) for call in inner if makes_adapter(call)]
    given += [trainer.argument("peft_config") for trainer in act.made_by]
    for config in (thing for value in given for thing in things(value)) if small else ():
        if not isinstance(config, Result):
            continue
        cost, copies = _cost(config.call.argument("target_modules")), _copies(config.call.argument("modules_to_save"))
        for choice in config.call.argument("r", 0):
            rank = choice.thing.value if isinstance(choice.thing, Const) else None
            if isinstance(rank, int) and BASE_360M + rank * cost + copies > BUDGET:
                yield Finding(
                    "base-too-large", choice.site, certainty(choice),
                    f"at most {BUDGET:,} parameters of base and adapter",
                    f"{BASE_360M + rank * cost + copies:,} with rank {rank}",
                    "lower the rank", choice.path, run.name,
                )  # fmt: skip


def _is_360m(thing: Thing) -> bool:
    return size_of(thing) == 360_000_000  # noqa: PLR2004 - the course's checkpoint


def _cost(targets: Value) -> int:
    """What one rank costs on these modules; 0 where they are not known."""
    names: set[object] = set()
    for thing in things(targets):
        if isinstance(thing, Const):
            names |= set(COST) if thing.value == "all-linear" else {thing.value}
        elif isinstance(thing, Many):
            names |= {constant(item) for item in thing.items}
    return LAYERS * sum(COST[str(name)] for name in names) if names and names <= COST.keys() else 0


def _copies(saved: Value) -> int:
    """What whole modules cost that are trained and saved beside the adapter."""
    names = {constant(item) for thing in things(saved) if isinstance(thing, Many) for item in thing.items}
    return EMBEDDING * len(names & {"lm_head", "embed_tokens"})
