"""One part of a subject, alive: load it, look at it, ask it through the honesty probe. Runs in a child process alone.

The checks that need the live model run beside the probe: its dtype, its logits as at the end of training, prompts token
by token, padding, and what its parser makes of a text without a number.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from .answers import as_number
from .evaluation import check_answer_rate, check_padding
from .honesty import HonestyProbe
from .outcome import skipped
from .parity import check_dtype, check_reload
from .programs import find_named
from .prompts import check_prompt_bos, check_prompts
from .sent_prompts import read_sent_prompts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from .outcome import Outcome

PADDED = 4  # prompts that are compared alone and in a batch; of the 135M each completion takes 0.2 s


def judge_part(package: object, part: Mapping[str, Any], question: Mapping[str, Any]) -> dict[str, Any]:
    """Judge one part.

    Args:
        package: The subject.
        part: ``loader``; ``train``, rows that were trained on, with ``example`` and ``tokenize``, which make tokens of
            them; ``dtype`` and ``logits`` of its manifest. What is empty is not compared.
        question: ``rows`` of question and answer; how many of them are judged, ``first``, and how many are answered,
            ``count``; ``questions``, a source of new ones; ``quick``, whether only the quick probes are made.

    Returns:
        Plain JSON: outcomes of both stages, the probe's cards, an answer to each row, and where the base lies.
    """
    source = find_named(question["questions"], "questions") if question["questions"] else None
    llm = getattr(package, part["loader"])()
    asked = [str(row[0]) for row in question["rows"]]
    first, count = question["first"], question["count"]
    outcomes = list(check_live(llm, part, asked))
    probe = HonestyProbe(llm, source)
    answers = [*probe.answer(*asked[:first]), *(llm.answer(*asked[first:count]) if count > first else ())]
    report = probe.judge(question["rows"], rows=first, quick=question["quick"])
    numbers = map(as_number, answers)
    found = {
        "evaluation": [outcome.as_json() for outcome in outcomes],
        "honesty": [outcome.as_json() for outcome in report.outcomes],
        "cards": [{"content": card.content, "lines": card.lines} for card in report.cards],
        "answers": [number if math.isfinite(number) else None for number in numbers],
        "base": _place_of_base(getattr(llm, "model", None)),
    }
    plain: dict[str, Any] = json.loads(json.dumps(found, default=str))
    return plain


def _place_of_base(model: Any) -> str:  # noqa: ANN401 - whatever has been loaded
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    return str(getattr(getattr(base, "config", None), "_name_or_path", ""))


def check_live(llm: Any, part: Mapping[str, Any], questions: Sequence[str]) -> Iterator[Outcome]:  # noqa: ANN401
    """Make every check of the evaluation stage that needs the program itself; one that raises is skipped."""
    rows = part["train"]
    shown = [str(row[0]) for row in rows] or list(questions[:1])

    def trained() -> list[Any]:
        example, tokenize = (find_named(part[name], name) for name in ("example", "tokenize"))
        return [tokenize(llm.tokenizer, **example(*row)) for row in rows]

    checks: dict[str, Callable[[], Outcome]] = {
        "padding-side": lambda: check_padding(llm.batched_generate, [llm.format_prompt(one) for one in few(questions)]),
        "answer-rate-inflated": lambda: check_answer_rate(llm.parse_answer),
        "double-bos": lambda: check_prompt_bos(llm.tokenizer, read_sent_prompts(llm, shown)),
    }
    if rows:
        checks["prompt-mismatch"] = lambda: check_prompts(llm.tokenizer, trained(), read_sent_prompts(llm, shown))
    if part["dtype"]:
        checks["dtype-mismatch"] = lambda: check_dtype(part["dtype"], llm.model)
        checks["reload-mismatch"] = lambda: check_reload(part["logits"], llm.model)
    for slug, check in checks.items():
        try:
            yield check()
        except Exception as error:  # noqa: BLE001 - somebody's model, tokenizer and functions
            yield skipped(slug, "evaluation", f"it cannot be asked ({type(error).__name__}: {error})")


def few(questions: Sequence[str]) -> list[str]:
    """A few questions, from the shortest to the longest."""
    ordered = sorted(dict.fromkeys(questions), key=len)
    if len(ordered) <= PADDED:
        return ordered
    return [ordered[place * (len(ordered) - 1) // (PADDED - 1)] for place in range(PADDED)]
