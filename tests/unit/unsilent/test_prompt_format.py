"""Doubled formats are found whatever the format is, and repetition that is none is left alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import support

from unsilent.prompt_format import formatted_twice

QUESTIONS = ["How many cm are in 3 m?", "What is 2 kg in g", "Convert 5 ft to in.", "what what 1 mm in mm"]
CHATML = support.tiny_tokenizer()
LLAMA2 = support.tiny_tokenizer()
LLAMA2.chat_template = (
    "{% for m in messages %}{% if m['role'] == 'user' %}<s>[INST] {{ m['content'] }} [/INST]"
    "{% elif m['role'] == 'system' %}{{ raise_exception('no system turns') }}{% endif %}{% endfor %}"
)
DEFAULT_SYSTEM = support.tiny_tokenizer()
DEFAULT_SYSTEM.chat_template = (
    "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nBe helpful.<|im_end|>\n{% endif %}"
    + CHATML.chat_template
)


def chat(tokenizer: object, *before: dict[str, str], ready: bool = True) -> Callable[[str], str]:
    """A format that puts the question into a chat."""

    def form(question: str) -> str:
        turns = [*before, {"role": "user", "content": question}]
        return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=ready))  # type: ignore[attr-defined]

    return form


SYSTEM = {"role": "system", "content": "You convert units. Reply with the number only."}
EXAMPLE = ({"role": "user", "content": "1 m in cm"}, {"role": "assistant", "content": "<answer>100</answer>"})
FORMATS: dict[str, tuple[Callable[[str], str], object]] = {
    "tag": (lambda question: f"{question.strip()} <answer>", None),
    "sentence": (lambda question: f"{question}\nThink step by step.\nAnswer with a number:", None),
    "head and tail": (lambda question: f"Q: {question}\nA:", None),
    "head": (lambda question: f"### Question: {question}", None),
    "brackets": (lambda question: f"[INST] {question} [/INST]", None),
    "chat": (chat(CHATML), CHATML),
    "chat with system": (chat(CHATML, SYSTEM), CHATML),
    "chat with example": (chat(CHATML, SYSTEM, *EXAMPLE), CHATML),
    "chat with default system": (chat(DEFAULT_SYSTEM), DEFAULT_SYSTEM),
    "chat without system turns": (chat(LLAMA2), LLAMA2),
    "chat with tag": (lambda question: chat(CHATML)(question) + "<answer>", CHATML),
    "nothing": (lambda question: question + " ", None),
}


@pytest.mark.parametrize("name", FORMATS)
def test_once_is_healthy(name: str) -> None:
    """Every format, applied once, to several prompts and to one."""
    form, tokenizer = FORMATS[name]

    assert formatted_twice([form(question) for question in QUESTIONS], tokenizer) == ""
    assert formatted_twice([form(QUESTIONS[0])], tokenizer) == ""


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "nothing"])
def test_twice_is_found(name: str) -> None:
    """The same format, applied twice."""
    form, tokenizer = FORMATS[name]

    assert formatted_twice([form(form(question)) for question in QUESTIONS], tokenizer)


@pytest.mark.parametrize("name", ["tag", "brackets", "chat", "chat with system"])
def test_twice_is_found_in_one_prompt(name: str) -> None:
    """Tags need no other prompt to compare with."""
    form, tokenizer = FORMATS[name]

    assert formatted_twice([form(form(QUESTIONS[0]))], tokenizer)


def test_chat_that_was_not_ready_is_found_within_a_chat() -> None:
    """The inner one without the assistant's head."""
    assert formatted_twice([chat(CHATML)(chat(CHATML, ready=False)(question)) for question in QUESTIONS], CHATML)


def test_one_chat_in_a_question_is_no_format() -> None:
    """A single prompt that quotes a chat is the question's own business."""
    quoting = chat(CHATML)(chat(CHATML)("a"))

    assert formatted_twice([quoting, *map(chat(CHATML), QUESTIONS)], CHATML) == ""


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["", " "],
        ["3 cm in mm mm", "5 m in mm mm"],
        ["a ....", "b ...."],
        ["a }}}}", "b }}}}"],
        ["<|im_end|><|im_end|> a <|im_end|><|im_end|>", "<|im_end|><|im_end|> b <|im_end|><|im_end|>"],
        ["what is what is love", "no"],
        ["bye bye bye bye"],
        ["<image><image>a", "<image><image>b"],
        ["a<extra_id_0><extra_id_0>", "b<extra_id_0><extra_id_0>"],
        ["a [MASK] [MASK]", "b [MASK] [MASK]"],
        ["a<br><br>", "b<br><br>"],
        ["<li><li>a</li></li>", "<li><li>b</li></li>"],
        ["a</li></li>"],
        ["a | b | c | b | c |", "d | b | c | b | c |"],
    ],
    ids=[
        "none",
        "blank",
        "one word",
        "dots",
        "braces",
        "padding",
        "one question",
        "a single text",
        "images",
        "sentinels",
        "masks",
        "line breaks",
        "nested",
        "closing",
        "table",
    ],
)
def test_repetition_that_is_no_format_is_left_alone(texts: list[str]) -> None:
    """Marks, special tokens, single words, single questions."""
    assert formatted_twice(texts, CHATML) == ""
