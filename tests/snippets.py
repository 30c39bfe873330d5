"""Small pieces of somebody's code, and what the reader of sources says of them.

A line that ends in ``# <- slug`` is where that finding is expected; a piece without such a line is healthy. Several
files stand in one text, each after a line ``# file: name.py``; without one it is ``sft.py``.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from code_pairs import PAIRS

from unsilent.outcome import Outcome
from unsilent.sources import find_sources
from unsilent.submission_code import read_sources
from unsilent.symbolic_statements import Reader
from unsilent.symbols import Const, Many, Object, Op, Result, Site, Table, Text, Thing, Value

IMPORTS = """
import json, math, os, re, sys, zipfile
from pathlib import Path
import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, TrainingArguments
"""
# What pieces of code for the engine begin with; nobody knows what ``ask()`` gives.
GIVEN = "import functools, importlib, json, os, textwrap, torch\nfrom peft import ask\n"
# A model of one's own that is asked as the course asks; pieces of code inherit from it.
LLM = """
class BaseLLM:
    def __init__(self, checkpoint="HuggingFaceTB/SmolLM2-360M-Instruct"):
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint, padding_side="left")
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint)

    def format_prompt(self, question):
        return f"{question.strip()} <answer>"

    def parse_answer(self, text):
        found = re.search(r"[-+.0-9e]+", text)
        return float(found.group()) if found else float("nan")

    def generate(self, prompt):
        return self.batched_generate([prompt])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        batch = self.tokenizer(prompts, padding=True, return_tensors="pt")
        out = self.model.generate(**batch, max_new_tokens=50)
        return self.tokenizer.batch_decode(out[:, batch["input_ids"].shape[1]:])

    def answer(self, *questions):
        return [self.parse_answer(text) for text in self.batched_generate([self.format_prompt(q) for q in questions])]
"""


def write(folder: Path, code: str, *, prelude: str = "") -> Path:
    """Write the files of a piece of code."""
    parts = re.split(r"^# file: (\S+)\n", textwrap.dedent(code), flags=re.MULTILINE)
    files = {"sft.py": parts[0]} if parts[0].strip() else {}
    files |= dict(zip(parts[1::2], parts[2::2], strict=True))
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(prelude + text)
    return folder


def value_of(folder: Path, code: str) -> Value:
    """What the function ``load`` returns, or what an expression is worth."""
    write(folder, code if "def load(" in code else f"def load():\n    return {code}\n", prelude=GIVEN)
    reader = Reader(find_sources(folder))
    frame = reader.import_module(reader.tree.sources["sft"])
    return reader.call(frame.names["load"], (), {}, Site("sft.py", 0))


def told(value: Value) -> list[str]:
    """A value in words: each choice, constants as they are written, and a question mark where it has conditions."""
    return [_told(choice.thing) + "?" * bool(choice.guards) for choice in value]


def _told(thing: Thing) -> str:  # noqa: PLR0911 - one for each kind
    if isinstance(thing, Const):
        return repr(thing.value)
    if isinstance(thing, Text):
        return "f" + repr("".join(part if isinstance(part, str) else "{}" for part in thing.parts))
    if isinstance(thing, Many):
        return f"[{', '.join(' | '.join(told(item)) for item in thing.items)}{'' if thing.whole else ', ...'}]"
    if isinstance(thing, Table):
        inside = [f"{key!r}: {' | '.join(told(item))}" for key, item in thing.items.items()]
        return f"{{{', '.join(inside + ['...'] * bool(thing.others))}}}"
    if isinstance(thing, Result):
        return f"{thing.call.name}()"
    if isinstance(thing, Op):
        return f"({thing.name})"
    name = thing.kind.name if isinstance(thing, Object) else getattr(thing, "name", "")
    return f"{type(thing).__name__} {name}".strip()


def marked(folder: Path) -> set[tuple[str, str, int]]:
    """What the comments in a folder's files expect: slug, file, line."""
    return {
        (slug, path.relative_to(folder).as_posix(), number)
        for path in folder.rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        for slug in re.findall(r"# <- ([a-z0-9-]+)", line)
    }


def failures(folder: Path) -> list[Outcome]:
    """What the reader finds."""
    return [outcome for outcome in read_sources(folder) if outcome.status == "failed"]


def found(folder: Path) -> set[tuple[str, str, int]]:
    """What the reader finds: slug, file, line."""
    return {
        (outcome.slug, str(outcome.evidence["file"]), int(str(outcome.evidence["line"])))
        for outcome in failures(folder)
    }


def assert_as_marked(folder: Path, code: str, *, with_llm: bool = False) -> None:
    """Write a piece of code, read it, and compare with its comments."""
    write(folder, code, prelude=IMPORTS + (LLM if with_llm else ""))

    said, expected = found(folder), marked(folder)
    assert said == expected, f"not found: {expected - said}; found: {said - expected}"


def assert_pair(folder: Path, slug: str) -> None:
    """Of a failure's two pieces of code the faulty one is found at its line, and the healthy twin left alone."""
    faulty, healthy = PAIRS[slug]
    assert_as_marked(folder / "faulty", faulty, with_llm=True)
    assert {found_slug for found_slug, _, _ in marked(folder / "faulty")} == {slug}
    assert_as_marked(folder / "healthy", healthy, with_llm=True)
