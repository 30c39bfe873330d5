"""What templates leave behind is found, and text about templates, in HTML or in another script is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsilent.debris import has_bad_characters, has_debris

LEFT_BEHIND = [
    *(
        "6 gram<end_of_turn>",
        "x<bos>",
        "x<eos>y",
        "x[PAD]",
        "a [UNK] b",
        "[PAD] [PAD]",
        "[CLS] 6 grams",
        "6 grams[SEP] so",
    ),
    *("user\r\n6 g", "system\n6", "model\n6 * 1000", "6 g\nassistant\n6", "6 g\n user\n6", "a\n### Input:\nb"),
    *("<| user |>6", "<|im_start 6", "im_start|>6", "|im_end| 6", "<|eot|>", "<|User|>", "<\uff5cUser\uff5c>"),
    *(
        "<|reserved_special_token_12|>",
        "<|start_header_id|>",
        "</assistant>6",
        "<s>6 g",
        "6</s>",
        "<s>[INST]",
        "<pad>6",
    ),
    *("</think>6", "<think>6", "<think>6</think></think>", "<thinking>", "6\nQuestion: a?\nAnswer: 5\nQuestion: b?"),
    *("User: a\nAssistant: b", "</s><s>a</s><s>b"),
]
LEFT_ALONE = [
    *(
        "Price <s>50</s> now 42",
        "<s>old price</s> 42",
        "The [MASK] token is replaced",
        "BERT uses [CLS] and [SEP]; a[MASK]",
    ),
    *(
        "<psi|H|psi> and <|psi|>",
        "<|alpha|>, <|x|>, <|v_max|>",
        "f <| foo |> g",
        "Which car?\nmodel\n42",
        "Tom is a\nhuman\nand",
    ),
    *(
        "def f():\n    assistant\n    return",
        "- tool\ntool\n",
        "<think>6</think> 7",
        "I think, 6</think> 7",
        "<think></think>6",
    ),
    *(
        "ssh <user>@host",
        "<user>6</user>",
        "Question: a?\n6",
        "Question 1: a?\nQuestion 2: b?",
        "`[PAD]` and `<s>` are tokens",
    ),
    *("```\nassistant\nx[PAD]\n```\n6", "user: 6\nmodel: x", "systems\n6", ""),
]


@pytest.mark.parametrize("text", LEFT_BEHIND)
def test_debris_is_found(text: str) -> None:
    """Behind a word, cut in two, with Windows line ends, with spaces in it."""
    assert has_debris(text)


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_text_is_left_alone(text: str) -> None:
    """HTML, code, mathematics, and words that are roles elsewhere."""
    assert not has_debris(text)


def test_special_tokens_are_debris() -> None:
    """Wherever they stand; one of blanks is none."""
    assert has_debris("a <reserved_7>", ["<reserved_7>"])
    assert not has_debris("a b", [" "])


@pytest.mark.parametrize(
    "text",
    [
        *(
            "\x00",
            "\x1b[0m",
            "\x7f",
            "\ud83d",
            "\ue000 a",
            "\u202e6",
            "a\u202b6",
            "a\u2066b",
            "\u200b\u200b6",
            "6\u200b0",
        ),
        *("a \u2060b", "6\u200d", "a\ufeff b"),
    ],
)
def test_what_is_no_text_is_found(text: str) -> None:
    """Controls, private use, and what nobody sees."""
    assert has_bad_characters(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "a\r\n\tb\x0c\x85\x0b",
            "\ufeff6",
            "\u0645\u06cc\u200c\u062e",
            "\u0915\u094d\u200d\u0937",
            "\U0001f468\u200d\U0001f469",
        ),
        *("\u0633\u062a\u0629 \u202b6\u202c", "\u200f6", "mul\u00adtiply", "1\u202f000", "\u0e01\u200b\u0e02"),
    ],
)
def test_other_scripts_are_text(text: str) -> None:
    """Joined letters, emoji, right to left, spaces of no width where they part words."""
    assert not has_bad_characters(text)


@given(st.text(max_size=60), st.text("<|>[]/s\n`: ", max_size=60))
def test_takes_any_text(text: str, brackets: str) -> None:
    """Letters and digits alone are never debris, and nothing raises."""
    has_debris(text + brackets)
    has_bad_characters(text)

    assert not has_bad_characters("".join(one for one in text if one.isalnum()))
