"""Somebody's source code, to be read and not run: pieces with a fault, their twins, whole healthy submissions."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import faults
import snippets
from code_pairs import PAIRS

from .registry import control, fault
from .subjects import Source

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]


def source(folder: Path, code: str) -> Source:
    """A piece of somebody's code, without the marks of what is expected."""
    folder.mkdir(parents=True, exist_ok=True)
    snippets.write(folder, re.sub(r"\s+# <- .*", "", code), prelude=snippets.IMPORTS + snippets.LLM)
    return Source(folder)


for _slug, (_faulty, _healthy) in PAIRS.items():
    fault(Source, _slug, slug=f"code-{_slug}", title=f"In source code: {_slug}")(partial(source, code=_faulty))
    control(Source, slug=f"code-without-{_slug}", title=f"Its twin in source code: {_slug}")(
        partial(source, code=_healthy)
    )


SAMPLER = """
CHUNK = 4

def load():
    return Sampler()

class Sampler:
    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        if len(prompts) > CHUNK:
            chunks = [prompts[start : start + CHUNK] for start in range(0, len(prompts), CHUNK)]
            return [text for chunk in chunks for text in self.batched_generate(chunk)]
        return [f"{prompt} 1</answer>" for prompt in prompts]
"""
TRAINED = """
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, Trainer

RANK = 32

def train_model():
    base = AutoModelForCausalLM.from_pretrained("HuggingFaceTB/SmolLM2-360M-Instruct")
    Trainer(get_peft_model(base, LoraConfig(r=RANK, target_modules="all-linear"))).train()
"""


def module(folder: Path, code: str, spoil: Callable[[Path], object] = lambda at: None) -> Source:
    """One module."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rft.py").write_text(code)
    spoil(folder / "rft.py")
    return Source(folder)


fault(Source, "unbounded-recursion", slug="splits-itself", title="A chunk of the chunk's size is split again")(
    partial(module, code=SAMPLER, spoil=faults.split_at_the_limit)
)
fault(Source, "base-too-large", slug="rank-in-code", title="Rank 64 in the code, no room for it")(
    partial(module, code=TRAINED, spoil=faults.raise_rank_in_code)
)
control(Source, slug="chunks-that-end", title="Chunks that end")(partial(module, code=SAMPLER))
control(Source, slug="rank-that-fits", title="Rank 32 in the code")(partial(module, code=TRAINED))


SUBMISSIONS = ROOT / "tests" / "submissions"


def healthy_submissions() -> tuple[str, ...]:
    """Names of whole submissions without a fault, in styles of their own."""
    return tuple(
        path.parent.name
        for path in sorted(SUBMISSIONS.glob("*/expected.toml"))
        if "[[finding]]" not in path.read_text()
    )


for _name in healthy_submissions():
    control(
        Source, slug=f"submission-{_name.replace('_', '-')}", title=f"Healthy submission: {_name.replace('_', ' ')}"
    )(lambda folder, name=_name: Source(SUBMISSIONS / name))
