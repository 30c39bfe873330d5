"""Checks on evaluation: whether the figures mean what they say.

What counts as an answer, whether there are any, and whether answers in a batch are those to single prompts. They take
the function or the answers they judge and need no model of their own. Whether a reloaded model is the trained one is
judged in ``parity.py``, whether prompts are those of training in ``prompts.py``, whether valid rows are new in
``overlap.py``, and what is made of the answers in ``scores.py`` and ``scorers.py``.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from .answers import as_number, numbers_in
from .outcome import failed, passed, skipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from .outcome import Outcome

# Completions that hold no number, as untrained, stopped and broken models write them.
WITHOUT_NUMBER = (
    "",
    "</answer>",
    "<answer>",
    "<answer></answer>",
    "<answer> </answer>",
    "<answer>-</answer>",
    "<answer>N/A</answer>",
    "<answer>nan</answer>",
    "I do not know.",
    "<answer>unknown</answer>",
)

# Nearly no answer: a broken model stumbles on a digit now and then. One that is merely untrained writes more numbers:
# SmolLM2-135M-Instruct 6 of 40 after the course's prompt, and 0 of 40 without the opening tag.
NIL = 0.02
# Unanswered questions that are no accident: a model that answers 0.90, the least the gate lets through, leaves five of
# five unanswered once in 100,000 times.
FEWEST = 5
MOST = 0.5  # of the completions look like something
EXAMPLES = 3
_LETTER = re.compile(r"[^\W\d]")
_AGAIN = re.compile(r"(\S.{0,20}?)(?:\s*\1){4,}\s*$")
_TAGS = re.compile(r"<[^<>]*>")
TAIL = 300  # characters at the end of a completion in which repetition is looked for: the pattern takes their square
BATCH = 8  # prompts, compared alone and together
SHOWN = 80  # characters of a prompt or completion


def check_answer_rate(parse: Callable[[str], float | None]) -> Outcome:
    """[answer-rate-inflated] Look for a completion without a number that is read as one.

    Args:
        parse: Reads the number out of a completion; NaN or None means there is none.

    Returns:
        Failed with every text and the number made of it, skipped when the parser raises, else passed.

    Source:
        History of the same code: ``parse_answer`` returned 0.0, and the answer rate was always 1.0.
    """
    made_up: dict[str, float] = {}
    for text in WITHOUT_NUMBER:
        try:
            found = parse(text)
            value = math.nan if found is None else float(found)
        except Exception as error:  # noqa: BLE001 - anybody's parser may raise anything
            reason = f"the parser raised {type(error).__name__} for {text!r}, so it cannot be judged"
            return skipped("answer-rate-inflated", "evaluation", reason)
        if not math.isnan(value):
            made_up[text] = value
    if not made_up:
        return passed("answer-rate-inflated", "evaluation")
    text, value = next(iter(made_up.items()))
    return failed(
        "answer-rate-inflated",
        "evaluation",
        f"Expected NaN for a completion without a number, but got {value!r} for {text!r} "
        f"({len(made_up)} of {len(WITHOUT_NUMBER)} such texts). Where: the function that parses answers. What to do: "
        "return float('nan') where there is no number; 0.0 counts as an answer.",
        {"made_up": made_up, "tried": len(WITHOUT_NUMBER)},
    )


def check_answers(
    answers: Iterable[object], completions: Iterable[str] | None = None, prompts: Iterable[str] | None = None
) -> Outcome:
    """[no-numeric-answers] Look for a model that writes, but no numbers.

    A wrong answer is an answer: what is found is a model of which hardly any completion could be read.

    Args:
        answers: What was read from the completions; NaN, inf, None or text is no number.
        completions: What the model wrote, in the same order, to say what it looks like.
        prompts: What it was given.

    Returns:
        Failed when at most one answer in fifty is a number, with a few prompts and completions; skipped with fewer
        than five answers, or with texts for most of them, such as the letters of a choice. Passed with the answer rate
        as a message where it is below 1.

    Source:
        The project's reports: a prompt without its opening tag, an untrained adapter.
    """
    slug = "no-numeric-answers"
    try:
        given = list(answers)
        known = [math.isfinite(as_number(answer)) for answer in given]
        wrote, asked = (list(map(str, texts or ())) for texts in (completions, prompts))
    except Exception as error:  # noqa: BLE001 - anybody's answers may come from anywhere
        return skipped(slug, "evaluation", f"the answers cannot be read ({type(error).__name__}: {error})")
    count, answered = len(known), sum(known)
    rate = f"{answered} of {count} answers are numbers"
    if count < FEWEST:
        return skipped(slug, "evaluation", f"{rate}: fewer than {FEWEST} answers show nothing")
    if (written := sum(isinstance(answer, str) for answer in given)) > MOST * count:
        reason = f"{written} of {count} answers are texts, not numbers: pass what a parser made of them"
        return skipped(slug, "evaluation", reason)
    for name, texts in (("completions", wrote), ("prompts", asked)):
        if texts and len(texts) != count:
            return skipped(slug, "evaluation", f"{len(texts)} {name} cannot belong to {count} answers")
    if answered > NIL * count:
        return passed(slug, "evaluation", rate if answered < count else "")
    looks = [*_looks_of_prompts(asked, wrote), *_looks_of(wrote)]
    first = known.index(False)
    examples = [
        {name: texts[place][-SHOWN:] if name == "prompt" else texts[place][:SHOWN]
         for name, texts in (("prompt", asked), ("completion", wrote)) if texts}
        for place in [place for place, is_number in enumerate(known) if not is_number][:EXAMPLES]
    ]  # fmt: skip
    shown = ", ".join(f"{name} {text!r}" for name, text in examples[0].items())
    return failed(
        slug,
        "evaluation",
        f"Expected numbers for answers, but got {answered} in {count}{': ' if looks else ''}{', '.join(looks)}. Where: "
        f"answer {first}, counted from 0{', ' if shown else ''}{shown}. What to do: compare the prompt with "
        "training's, token by token, and the adapter's weights with a fresh adapter's.",
        {"answered": answered, "answers": count, "looks": looks, "examples": examples},
    )


def _looks_of(completions: Sequence[str]) -> list[str]:
    """What most completions are, in words."""
    kinds: Mapping[str, Callable[[str], bool]] = {
        "empty completions": lambda text: not text.strip(),
        "completions of an end tag alone": lambda text: bool(re.fullmatch(r"\s*(?:</\w+>|<\|\w+\|>)\s*", text)),
        "the word nan": lambda text: bool(re.search(r"\bnan\b", text, re.IGNORECASE)),
        "numbers that were not read as answers": lambda text: bool(numbers_in(text)),
        "one piece of text again and again": lambda text: bool(_AGAIN.search(text[-TAIL:])),
        "words without a number": lambda text: (
            not numbers_in(text) and bool(re.search(r"[^\W\d]", _TAGS.sub("", text)))
        ),
    }
    found = [name for name, holds in kinds.items() if sum(map(holds, completions)) > MOST * len(completions)]
    lengths = {len(text) for text in completions}
    if len(completions) > 1 and lengths == {max(lengths)} and max(lengths) and len(set(completions)) > 1:
        found.append("completions of one length, as if all were cut")
    return found


def _looks_of_prompts(prompts: Sequence[str], completions: Sequence[str]) -> list[str]:
    """Whether an end tag is written whose opening tag neither prompt nor completion holds."""
    pairs = zip(prompts, completions, strict=False)
    lacking = [
        tag
        for prompt, text in pairs
        for tag in set(re.findall(r"</(\w+)>", text))
        if f"<{tag}>" not in prompt and f"<{tag}>" not in text
    ]
    return [f"no opening <{lacking[0]}> in prompts"] if len(lacking) > MOST * len(prompts) else []


def check_padding(generate: Callable[[list[str]], list[str]], prompts: Iterable[str]) -> Outcome:
    """[padding-side] Compare completions of prompts alone with those in a batch of unequal lengths.

    Padding on the right changes nearly every prompt shorter than the longest; rounding, which depends on the size of a
    batch too, changes a few, and changes them as well in a batch of equal lengths, which needs no padding.

    Args:
        generate: Greedy completions of a list of prompts, in order.
        prompts: At least two, of different lengths; of more than 8 the check takes 8, from the shortest to the longest.

    Returns:
        Failed when most of the padded prompts change, those with fewer characters than the longest, and more than do
        without padding; skipped when all prompts have one length, are no texts, two calls with the same prompt differ,
        or the generator raises.

    Source:
        History of the same code; decoder-only models go on after the last position, padding or not.
    """
    slug = "padding-side"
    asked, reason = _asked(prompts)
    if reason:
        return skipped(slug, "evaluation", reason)
    padded = sum(len(prompt) < len(asked[-1]) for prompt in asked)
    try:
        alone = {prompt: generate([prompt])[0] for prompt in asked}
        again = generate(asked[:1])[0]
        batch = dict(zip(asked, generate(list(asked)), strict=True))
        differing = [prompt for prompt in alone if batch[prompt] != alone[prompt]]
        unpadded = sum(generate([prompt] * len(asked))[0] != alone[prompt] for prompt in differing)
    except Exception as error:  # noqa: BLE001 - anybody's generator may raise anything
        return skipped(slug, "evaluation", f"the generator raised {type(error).__name__}: {error}")
    if again != alone[asked[0]]:
        return skipped(slug, "evaluation", "the same prompt gives different completions: not greedy")
    if 2 * len(differing) <= padded:
        return passed(slug, "evaluation")
    if 2 * unpadded > len(differing):
        reason = f"{unpadded} of {len(differing)} prompts change in a batch of equal lengths too: rounding, not padding"
        return skipped(slug, "evaluation", reason)
    first = differing[0]
    return failed(
        slug,
        "evaluation",
        f"Expected the same completion alone and in a batch, but got {batch[first][:40]!r} instead of "
        f"{alone[first][:40]!r} ({len(differing)} of {len(alone)} prompts change). Where: {first[:60]!r}. What "
        "to do: set tokenizer.padding_side = 'left' for generation.",
        {"differing": len(differing), "prompts": len(alone), "unpadded": unpadded, "prompt": first},
    )


def _asked(prompts: Iterable[str]) -> tuple[list[str], str]:
    """A few distinct prompts, the longest last; or why there are none."""
    try:
        every = sorted(dict.fromkeys(prompts), key=len)
    except Exception as error:  # noqa: BLE001 - anybody's prompts may be anything
        return [], f"the prompts cannot be read ({type(error).__name__}: {error})"
    if not all(isinstance(prompt, str) for prompt in every):
        return [], "the prompts are no texts"
    if not every or len(every[0]) == len(every[-1]):
        return [], "all prompts are of one length, so nothing is padded"
    if len(every) <= BATCH:
        return every, ""
    return [every[place * (len(every) - 1) // (BATCH - 1)] for place in range(BATCH)], ""
