"""A row begins with one begin token.

A chat template writes one into the text and the tokenizer adds another (open-r1#462): training sees two, inference,
which is often built otherwise, one.
"""

from __future__ import annotations

from typing import Any

import faults
import pytest
import support
from transformers import DataCollatorForSeq2Seq

from homework.tokens import Collator
from unsilent.prompts import check_prompt_bos
from unsilent.rows import check_bos, read_sample

pytestmark = [pytest.mark.regression, pytest.mark.failure("double-bos")]


def chat_rows(
    tokenizer: Any,  # noqa: ANN401 - a tokenizer
    **options: bool,
) -> list[dict[str, list[int]]]:
    """Templated text, tokenized."""
    chats = [[{"role": "user", "content": f"What is {n} m?"}] for n in range(20)]
    texts = [tokenizer.apply_chat_template(chat, tokenize=False) for chat in chats]
    return [{"input_ids": ids, "labels": ids} for ids in (tokenizer(text, **options)["input_ids"] for text in texts)]


def test_fault_is_real() -> None:
    """Template and tokenizer each add one."""
    rows = chat_rows(faults.tokenize_templated_text(support.tiny_tokenizer()))

    assert [row["input_ids"][:3] for row in rows] == [[1, 1, 87]] * 20  # 87 is the u of user


def test_check_finds_it() -> None:
    """The finding counts the rows and names the token, whichever side is padded."""
    tokenizer = faults.tokenize_templated_text(support.tiny_tokenizer())
    rows = chat_rows(tokenizer)
    outcome = check_bos(read_sample(rows, DataCollatorForSeq2Seq(tokenizer, padding=True), tokenizer=tokenizer))

    assert (outcome.status, outcome.slug) == ("failed", "double-bos")
    assert "got two in 16 of 16 sampled rows" in outcome.message
    assert (outcome.evidence["double"], outcome.evidence["bos"]) == (16, [1])


def test_check_finds_it_after_padding() -> None:
    """Padding on the left, with the begin token itself, is looked through."""
    tokenizer = faults.tokenize_templated_text(support.tiny_tokenizer())
    tokenizer.padding_side, tokenizer.pad_token = "left", support.BOS
    collate = DataCollatorForSeq2Seq(tokenizer, padding=True, pad_to_multiple_of=64)

    assert check_bos(read_sample(chat_rows(tokenizer), collate, tokenizer=tokenizer)).status == "failed"


def test_healthy_twin_is_left_alone() -> None:
    """add_special_tokens=False, one argument different."""
    tokenizer = faults.tokenize_templated_text(support.tiny_tokenizer())
    rows = chat_rows(tokenizer, add_special_tokens=False)

    assert check_bos(read_sample(rows, Collator(1), tokenizer=tokenizer)).status == "passed"


def chat_prompts(tokenizer: Any) -> list[str]:  # noqa: ANN401 - a tokenizer
    """Questions in the chat template, as text."""
    chats = [[{"role": "user", "content": f"What is {n} m?"}] for n in range(4)]
    return [tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True) for chat in chats]


def test_check_finds_it_at_inference() -> None:
    """Templated prompts, tokenized as inference does it, begin twice."""
    tokenizer = faults.tokenize_templated_text(support.tiny_tokenizer())
    outcome = check_prompt_bos(tokenizer, chat_prompts(tokenizer))

    assert (outcome.status, outcome.stage) == ("failed", "evaluation")
    assert "got two in 4 of 4. Where: prompt 0, counted from 0, token id 1" in outcome.message


def test_healthy_prompts_are_left_alone() -> None:
    """A tokenizer that adds none, and one that adds one to plain text."""
    plain, adding = support.tiny_tokenizer(), faults.tokenize_templated_text(support.tiny_tokenizer())

    assert check_prompt_bos(plain, chat_prompts(plain)).status == "passed"
    assert check_prompt_bos(adding, ["What is 1 m?", "What is 2 m?"]).status == "passed"


def test_padding_with_the_begin_token_is_healthy() -> None:
    """One token for begin, end and padding, padded on the left: the padding is no second beginning."""
    tokenizer = support.tiny_tokenizer()
    tokenizer.padding_side, tokenizer.pad_token, tokenizer.eos_token = "left", support.BOS, support.BOS
    collate = DataCollatorForSeq2Seq(tokenizer, padding=True, pad_to_multiple_of=64)

    assert check_bos(read_sample(chat_rows(tokenizer), collate, tokenizer=tokenizer)).status == "passed"


def test_rows_of_that_token_alone_are_no_evidence() -> None:
    """Nothing but begin tokens: some test's made-up rows."""
    rows = [{"input_ids": [1] * 12, "labels": [1] * 12}] * 8

    assert check_bos(read_sample(rows, Collator(2)), bos=1).status == "skipped"
