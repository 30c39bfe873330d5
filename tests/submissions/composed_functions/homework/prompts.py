"""Prompts are pure functions. Each has its inverse, used by the parser."""

import re
from functools import partial

from homework.fn import attempt, compose

NAN = float("nan")
TAG, END = "<answer>", "</answer>"


def plain(question):
    return question


def opened(question):
    return f"{question.strip()} {TAG}"


def spaced(question):
    return question.strip()


def chat(tokenizer, question):
    turns = [
        ("system", "You convert units. Reason in one line, then give <answer>value</answer>."),
        ("user", "How many yd are in 3 mi?"),
        ("assistant", "1 mi = 1760 yd. 3 * 1760 = <answer>5280</answer>"),
        ("user", "Change 7 kB to its equivalent in B."),
        ("assistant", "1 kB = 1000 B. 7 * 1000 = <answer>7000</answer>"),
        ("user", question),
    ]
    return tokenizer.apply_chat_template(
        [dict(role=r, content=c) for r, c in turns], tokenize=False, add_generation_prompt=True
    )


def between(text):
    return text.split(TAG, 1)[1].split(END, 1)[0]


def clean(text):
    # "0" is a number, "" is not: float("") raises and becomes NaN below
    return re.sub(r"[,\s]", "", text)


parse = attempt(compose(between, clean, float), IndexError, ValueError, otherwise=NAN)
parse_opened = compose(lambda text: TAG + text, parse)


def sft_target(answer):
    return f"{round(float(answer), 3):.12g}{END}"


def rft_target(reasoning):
    return " " + reasoning.strip()


STYLES = {
    "base": (plain, parse),
    "sft": (opened, parse_opened),
    "rft": (spaced, parse),
}
cot_style = lambda tokenizer: (partial(chat, tokenizer), parse)  # noqa: E731
