"""The models that sample: first the base with worked examples, then what each round has learnt from the last one.

What stays open may be asked once more with the answer in the prompt, so that only the way to it has to be found
(``HintedCoT``; E. Zelikman et al. 2022, STaR, there called rationalization).

Each says of itself what the record beside the rows says of it (``model_record``), so that a row is only ever drawn
again by the model that drew it.

    unsilent check data data/rft.json --sampler homework.samplers:sampler
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from unsilent.manifest import sha256_of

from . import cot
from .adapter_files import PACKAGE, find_adapter
from .adapter_loading import config_hash
from .completions import parse_answer
from .cot import CoTModel
from .data import Dataset
from .errors import RowsUnusable
from .precision import short_name
from .rft import load
from .sft import format_number

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .base_llm import BaseLLM

PROJECT = PACKAGE.parent
COMMAND = "python -m homework.datagen data/rft.json"


class HintedCoT(CoTModel):
    """The base with the worked examples, where every question says its answer."""

    def __init__(self, checkpoint: str | None = None, **options: Any) -> None:  # noqa: ANN401 - those of BaseLLM
        super().__init__(checkpoint, **options)
        self.answers: dict[str, float] = {str(row[0]): float(row[1]) for row in Dataset("train").rows}

    def format_prompt(self, question: str) -> str:
        """As for ``CoTModel``, with the answer behind each question.

        Raises:
            RowsUnusable: It is no question of train, whose answers alone are known.
        """
        if question not in self.answers:
            raise RowsUnusable(
                expected="questions of train, whose answers are known",
                got=f"{question[:60]!r}",
                where="rows that were sampled with the answer in the prompt",
                action="bring back the train.json they were sampled for",
            )
        examples = [(_hinted(example, parse_answer(text)), text) for example, text in cot.EXAMPLES]
        return self.chat(examples, _hinted(question, self.answers[question]))


def _hinted(question: str, answer: float) -> str:
    return f"{question.strip()} The answer is {format_number(answer)}."


def round_folder(output: Path, number: int) -> Path:
    """Where the adapter that was trained after a round lies: ``data/rft.rounds/round-1``."""
    return output.resolve().with_suffix(".rounds") / f"round-{number}"


def sampler_of_round(number: int, output: Path, checkpoint: str) -> BaseLLM:
    """Load what samples round ``number`` of the rows at ``output``.

    Raises:
        BadInput: Base or adapter cannot be had.
    """
    if number == 1:
        return _recorded(CoTModel(checkpoint or None), None)
    folder = round_folder(output, number - 1)
    return _recorded(load(str(folder)), folder)


def hinted_sampler(checkpoint: str) -> BaseLLM:
    """Load what is told the answers.

    Raises:
        BadInput: The base cannot be had.
    """
    return _recorded(HintedCoT(checkpoint or None), None)


def sampler(recorded: Mapping[str, Any]) -> BaseLLM:
    """Load the model of a round of the record again.

    Args:
        recorded: The round, as ``unsilent.provenance.Round`` writes it.

    Raises:
        BadInput: Base or adapter cannot be had any more.
    """
    model = recorded["model"]
    if model["adapter"]:
        folder = PROJECT / model["adapter"]["folder"]
        return _recorded(load(str(folder)), folder)
    kind = HintedCoT if recorded.get("format") == HintedCoT.__name__ else CoTModel
    return _recorded(kind(model["base"], dtype=model["dtype"]), None)


def _recorded(llm: BaseLLM, folder: Path | None) -> BaseLLM:
    """Have the model say which one it is; an adapter inside the project is named from there, and may move with it."""
    adapter = None
    if folder:
        weights = find_adapter(str(folder), command=COMMAND).weights[0]
        inside = folder.is_relative_to(PROJECT)
        adapter = {"folder": os.path.relpath(folder, PROJECT) if inside else str(folder), "sha256": sha256_of(weights)}
    llm.model_record = {
        "base": llm.checkpoint.name,
        "config_sha256": config_hash(llm.checkpoint.path),
        "dtype": short_name(llm.model.dtype),
        "adapter": adapter,
    }
    return llm
