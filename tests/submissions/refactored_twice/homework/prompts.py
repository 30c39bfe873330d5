"""Every prompt of the homework is built here, so that training and inference cannot drift apart."""

import re

OPEN_TAG = "<answer>"
CLOSE_TAG = "</answer>"

_NUMBER = re.compile(r"[-+]?\d[\d,]*\.?\d*(?:[eE][-+]?\d+)?")


def tagged_prompt(question: str) -> str:
    """Used by sft for both training and inference: the model continues after the opening tag."""
    return f"{question.strip()} {OPEN_TAG}"


def plain_prompt(question: str) -> str:
    """Used by rft for both training and inference: the model reasons first."""
    return question.strip()


def format_number(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")


def read_answer(text: str) -> float:
    """The number inside the tags. A text with only a closing tag is the rest of a tagged prompt."""
    if CLOSE_TAG not in text:
        return float("nan")
    inside = text.split(CLOSE_TAG, 1)[0]
    inside = inside.rsplit(OPEN_TAG, 1)[-1]
    match = _NUMBER.search(inside)
    if match is None:
        return float("nan")
    try:
        return float(match.group(0).replace(",", ""))
    except ValueError:
        return float("nan")
