"""Samples: which are kept, and which become rows.

Judged once, when they are drawn; what the journal holds is chosen from when rows are written, in the order of the
questions, so that the rows do not depend on where a run was interrupted.
"""

from __future__ import annotations

import json
import platform
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import torch
import transformers

from unsilent.provenance import Draw, make_provenance, provenance_bytes, row_hash, text_hash
from unsilent.reasoning import complaint_about

from .completions import cut_at_tag, parse_answer
from .data import is_answer_valid
from .equations import misses_result, wrong_calculation
from .variety import choose_reasoning

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from unsilent.provenance import Round

    from .data import Row

MISCALCULATED = "a calculation that does not hold"
UNCALCULATED = "an answer that nothing leads to"
UNREADABLE = "a number that is not read as it is meant"
UNASKED = "a last calculation without the amount asked for"
# ``3 * 100 = <answer>``: what stands between the tags is the result of the last calculation. A sampler that was also
# taught to answer at once soon writes ``1 <answer>300</answer>``: 44 of 398 rows of three rounds were such.
# Both in one sentence: ``8 kmh = 8 * 1.609 = 12.80 m/s. 2.222 = <answer>`` copies what it knew behind a calculation
# that led elsewhere, as 43 of 560 rows sampled with hints did. The ^3 of a unit is no operator.
_OPERATOR = r"(?:[-+/\u00d7\u00b7\u00f7]|(?<!\*)\*(?!\*)|(?<=[\d\s])x|(?<=[\d\s)])(?:\^|\*\*))\s*[($]?[.\d]"
_ENDS_IN_CALCULATION = re.compile(rf"\d[^=]*{_OPERATOR}[^=]*=(?:[^=]*\d[^=]*=)?<answer>")
_EQUALS = re.compile(r"\s*=\s*")  # a new line beside it ends nothing
_STOP = re.compile(r"(?<!\bcu)(?<!\bsq)(?<!\bfl)[.;:!?,]\s|\n")  # not the one of cu. ft
_NUMBER = re.compile(r"(?<![\w.^])(?<!\*\*)\d[\d,]*(?:\.\d+)?")  # not the 3 of cm^3 and cm**3


def text_of(tokenizer: Any, tokens: Sequence[int]) -> str:  # noqa: ANN401 - transformers' tokenizers
    """The text of sampled tokens to the end of the answer; an end-of-text that ended it says nothing."""
    tokens = tokens[:-1] if tokens and tokens[-1] == tokenizer.eos_token_id else tokens
    return cut_at_tag(tokenizer.decode(tokens))


def why_not(text: str, question: str, answer: float, special_tokens: Sequence[str] = ()) -> str:
    """Why a sample does not become a row; empty when it may."""
    complaint = complaint_about(text, answer, is_right=is_answer_valid, special_tokens=special_tokens)
    if complaint:
        return complaint
    if not is_answer_valid(parse_answer(text), answer):  # 1/2 is as right as 0.5, but nobody would read it as that
        return UNREADABLE
    sentence = _last_sentence(text)
    ending = _ENDS_IN_CALCULATION.search(sentence)
    if not ending:
        return UNCALCULATED
    if not _numbers(question) <= _numbers(ending.group()):  # ``3652 * 1`` comes from an answer that was known
        return UNASKED
    return MISCALCULATED if wrong_calculation(text) or misses_result(sentence[ending.start() :]) else ""


def _last_sentence(text: str) -> str:
    """What stands behind the last stop before the answer, and the answer."""
    reasoning, tag, answer = _EQUALS.sub("=", text).rpartition("<answer>")
    return _STOP.split(reasoning)[-1] + tag + answer


def _numbers(text: str) -> set[float]:
    return {float(found.replace(",", "")) for found in _NUMBER.findall(text)}


def choose_rows(questions: Sequence[Row], entries: Iterable[Mapping[str, Any]]) -> tuple[list[Row], list[Draw]]:
    """Choose one sample for each question that has any.

    Args:
        questions: Rows of train.
        entries: Of the journal, one for each question and round.

    Returns:
        Rows with reasoning, in the order of the questions, and how each was drawn.
    """
    found: dict[int, list[tuple[Mapping[str, Any], Mapping[str, Any]]]] = {}
    for entry in entries:
        found.setdefault(entry["question"], []).extend((entry, sample) for sample in entry["kept"])
    forms: Counter[str] = Counter()
    rows: list[Row] = []
    drawn = []
    for index in sorted(found):
        if samples := found[index]:
            question, answer = str(questions[index][0]), float(questions[index][1])
            entry, sample = samples[choose_reasoning(question, [sample["text"] for _, sample in samples], forms)]
            text, tokens = sample["text"], tuple(sample["tokens"])
            rows.append((question, answer, text))
            whole = row_hash(question, answer, text)
            drawn.append(Draw(entry["round"], sample["sample"], entry["prompt"], text_hash(text), tokens, whole))
    return rows, drawn


def count_rejected(entries: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """Samples that were rejected, by reason."""
    return sum((Counter(entry["rejected"]) for entry in entries), Counter[str]())


def files_of(rows: Sequence[Row], drawn: Sequence[Draw], rounds: Sequence[Round]) -> tuple[bytes, bytes]:
    """The file of rows, a line each, and the record that belongs to it."""
    content = ("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n").encode()
    versions = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
    return content, provenance_bytes(make_provenance(content, rounds, drawn, versions=versions))
