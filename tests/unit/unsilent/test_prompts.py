"""Prompts are compared token by token, for any tokenizer and any form of rows."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import support
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from unsilent.prompts import check_prompt_bos, check_prompts

TOKENIZER = support.tiny_tokenizer()
QUESTIONS = ["How many cm are in 3 m?", "What is 2 kg in g?", "Convert 5 ft to in.", "4 days is how many h?"]
PROMPTS = [f"{question} <answer>" for question in QUESTIONS]
EOS = 2


def merging_tokenizer() -> Any:  # noqa: ANN401 - a tokenizer
    """A token a byte, but for a space before a 3, which is one with it."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(
        models.BPE(
            vocab={symbol: number for number, symbol in enumerate([*alphabet, "\u01203"])}, merges=[("\u0120", "3")]
        )
    )
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


def rows(
    prompts: list[str], answer: str = "300</answer>", *, left: int = 0, right: int = 0, cut: int = 0
) -> list[dict[str, Any]]:
    """Training rows, padded and cut as asked for."""
    made: list[dict[str, Any]] = []
    for prompt in prompts:
        head, tail = TOKENIZER(prompt)["input_ids"], [*TOKENIZER(answer)["input_ids"], EOS]
        ids, labels = (head + tail)[-cut:], ([-100] * len(head) + tail)[-cut:]
        made.append(
            {
                "input_ids": [EOS] * left + ids + [EOS] * right,
                "labels": [-100] * left + labels + [-100] * right,
                "attention_mask": [0] * left + [1] * len(ids) + [0] * right,
            }
        )
    return made


def masked(row: dict[str, Any]) -> dict[str, Any]:
    """A row as TRL has it: a mask instead of labels."""
    return {"input_ids": row["input_ids"], "completion_mask": [int(label != -100) for label in row["labels"]]}


def padded(tokenizer: Any, texts: list[str], to: int | None = None) -> Any:  # noqa: ANN401 - what a tokenizer returns
    """Prompts in a batch, padded on the left."""
    return tokenizer(texts, padding="max_length" if to else True, max_length=to, padding_side="left")


def beginning(pad: int) -> Any:  # noqa: ANN401 - a tokenizer
    """One whose begin token is 1, and whose padding is that, too, or another one."""
    tokenizer = support.tiny_tokenizer()
    tokenizer.pad_token = tokenizer.convert_ids_to_tokens(pad)
    return tokenizer


def learnt(prompts: list[str]) -> list[dict[str, Any]]:
    """Training rows of which every token is a label."""
    return [row | {"labels": row["input_ids"]} for row in rows(prompts)]


@pytest.mark.parametrize(
    "training",
    [
        PROMPTS,
        [TOKENIZER(prompt)["input_ids"] for prompt in PROMPTS],
        rows(PROMPTS),
        rows(PROMPTS, left=5),
        rows(PROMPTS, right=5),
        [row | {"attention_mask": None} for row in rows(PROMPTS, left=5)],
        [row | {"attention_mask": None} for row in rows(PROMPTS, right=5)],
        learnt(PROMPTS),
        rows(QUESTIONS, " <answer>300</answer>"),
        [{name: torch.tensor([values]) for name, values in row.items()} for row in rows(PROMPTS)],
        [row | {"labels": row["labels"][-14:]} for row in rows(PROMPTS)],
        [row | {"attention_mask": None} for row in rows(PROMPTS)],
        [{"input_ids": row["input_ids"]} for row in rows(PROMPTS)],
        [masked(row) for row in rows(PROMPTS)],
    ],
    ids=[
        "text",
        "tokens",
        "rows",
        "left",
        "right",
        "left, no mask",
        "right, no mask",
        "all learnt",
        "tag learnt",
        "tensors",
        "labels at the end",
        "mask is none",
        "ids alone",
        "completion mask",
    ],
)
def test_healthy_rows_of_every_form_pass(training: list[Any]) -> None:
    """Padding, dtype, and where learning begins are no differences of the prompt."""
    outcome = check_prompts(TOKENIZER, iter(training), iter(PROMPTS))

    assert (outcome.status, outcome.message, outcome.reason) == ("passed", "", "")


@pytest.mark.parametrize("pad", [0, 1], ids=["padding of its own", "padding that begins"])
@pytest.mark.parametrize("to", [None, 60], ids=["to the longest", "to a length"])
def test_padding_at_inference_is_no_prompt(pad: int, to: int | None) -> None:
    """With a mask or without, whatever token it is, in rows and for begin tokens."""
    tokenizer = beginning(pad)
    batch = padded(tokenizer, PROMPTS, to)

    for sent in (batch, batch["input_ids"], [{"input_ids": ids} for ids in batch["input_ids"]]):
        assert check_prompts(tokenizer, rows(PROMPTS), sent).status == "passed"
        assert check_prompt_bos(tokenizer, sent).status == "passed"
    assert check_prompts(tokenizer, batch, PROMPTS).status == "passed"
    assert check_prompts(tokenizer, rows(QUESTIONS), batch).status == "failed"


def test_double_begin_tokens_are_found_behind_padding() -> None:
    """In a batch, with its mask or without, and in a single text."""
    twice = "<|im_start|><|im_start|>"
    tokenizer = beginning(0)
    batch = padded(tokenizer, [twice + prompt for prompt in PROMPTS])

    for sent in (batch, batch["input_ids"], twice + "a", [batch["input_ids"][0]]):
        assert check_prompt_bos(tokenizer, sent).status == "failed"
    assert check_prompt_bos(beginning(1), [[1, 1, 9, 9], [1, 1, 8]]).status == "failed"


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        ([f"{prompt} " for prompt in PROMPTS], "inference goes on with ' '"),
        (QUESTIONS, "inference ends before ' <answer>'"),
        ([f"{prompt} <answer>" for prompt in PROMPTS], "formatted twice at inference: '<answer>'"),
        ([f"Be brief. {prompt}" for prompt in PROMPTS], "another text"),
        ([prompt.replace("?", "") for prompt in PROMPTS], "another text"),
        ([f"\n{prompt}" for prompt in PROMPTS], "another text"),
        ([[1, *TOKENIZER(prompt)["input_ids"]] for prompt in PROMPTS], "a begin token in inference only"),
    ],
    ids=["space", "no tag", "twice", "system prompt", "question mark", "newline", "begin token"],
)
def test_differences_are_named(sent: list[Any], kind: str) -> None:
    """At inference, against rows and against text."""
    for training in (rows(PROMPTS), PROMPTS):
        assert check_prompts(TOKENIZER, training, sent).evidence["kind"] == kind


def test_begin_token_in_training_only_is_named() -> None:
    """The other way round."""
    trained = [[1, *TOKENIZER(prompt)["input_ids"]] for prompt in PROMPTS]

    assert check_prompts(TOKENIZER, trained, PROMPTS).evidence["kind"] == "a begin token in training only"


def test_training_formatted_twice_is_named() -> None:
    """Inference is right."""
    outcome = check_prompts(TOKENIZER, rows([f"{prompt} <answer>" for prompt in PROMPTS]), PROMPTS)

    assert outcome.evidence["kind"] == "formatted twice in training"


def test_any_format_put_on_twice_is_named() -> None:
    """A head that only the comparison shows, in a single prompt."""
    outcome = check_prompts(TOKENIZER, ["Q: a\nA:"], ["Q: Q: a\nA:\nA:"])

    assert outcome.evidence["kind"] == "formatted twice at inference"


def test_context_is_shown_on_both_sides() -> None:
    """Six tokens before and after the first difference, and the place."""
    evidence = check_prompts(TOKENIZER, rows(PROMPTS), [prompt.replace("<", "[") for prompt in PROMPTS]).evidence

    assert (evidence["token"], evidence["training"], evidence["inference"]) == (
        24,
        "n 3 m? <answ"[1:] + "e",
        "n 3 m? [answ"[1:] + "e",
    )


def test_other_tokens_of_the_same_text_are_named() -> None:
    """Prompt and answer tokenized together: ' 3' is one token in training, and a space at inference."""
    tokenizer = merging_tokenizer()
    ids = tokenizer("Answer: 300")["input_ids"]
    row = {"input_ids": ids, "labels": [-100] * len("Answer: ") + ids[len("Answer: ") :]}
    evidence = check_prompts(tokenizer, [row], ["Answer: "]).evidence

    assert str(evidence["kind"]).startswith("the same text in other tokens: prompt and answer were tokenized together")
    assert (evidence["token"], evidence["training"], evidence["inference"]) == (7, "nswer: 3", "nswer: ")


def test_whole_row_learnt_against_another_prompt_is_found() -> None:
    """No token of it is masked, so that its prompt's end is not known; it still begins otherwise."""
    outcome = check_prompts(TOKENIZER, learnt(PROMPTS), ["What? <answer>"] * 4)

    assert (outcome.evidence["kind"], outcome.evidence["token"]) == ("another text", 0)


def test_rows_that_were_cut_are_left_out() -> None:
    """The longest lost the heads of their prompts to a maximum length; the others agree."""
    outcome = check_prompts(TOKENIZER, rows(PROMPTS, cut=42), PROMPTS)

    assert outcome.status == "passed"
    assert outcome.message.startswith("2 of 4 rows have no label, or lost part of their prompt to a maximum length")


def test_a_system_prompt_that_training_lacks_is_no_cut() -> None:
    """Rows of many lengths whose prompts are the ends of what is sent were never cut."""
    sent = [f"Be brief. {prompt}" for prompt in PROMPTS]

    assert check_prompts(TOKENIZER, rows(PROMPTS), sent).evidence["differing"] == 4


def test_rows_without_labels_are_left_out() -> None:
    """Alone they are no rows at all."""
    masked = [row | {"labels": [-100] * len(row["labels"])} for row in rows(PROMPTS)]

    assert check_prompts(TOKENIZER, [*masked[:1], *rows(PROMPTS)[1:]], PROMPTS).status == "passed"
    assert check_prompts(TOKENIZER, masked, PROMPTS).reason.startswith("4 of 4 rows have no label")


def test_holes_in_a_mask_are_looked_through() -> None:
    """A mask made by ``ids != pad`` lacks the end tokens inside a chat."""
    prompts = [f"<|im_start|>user\n{question}<|im_end|>\n" for question in QUESTIONS]
    holed = [row | {"attention_mask": [int(one != EOS) for one in row["input_ids"]]} for row in rows(prompts)]

    assert check_prompts(TOKENIZER, holed, prompts).status == "passed"


@pytest.mark.parametrize(
    ("tokenizer", "training", "prompts", "reason"),
    [
        (TOKENIZER, [], [], "0 training rows do not pair with 0 prompts"),
        (TOKENIZER, PROMPTS, PROMPTS[:1], "4 training rows do not pair with 1 prompts"),
        (TOKENIZER, [{"text": "a"}], ["a"], "expected tokenized rows, with input_ids, but got a row of text"),
        (TOKENIZER, [{"prompt": "a", "completion": "b"}], ["a"], "but got a row of prompt, completion"),
        (TOKENIZER, [{"input_ids": [[1], [2]], "labels": [1]}], ["a"], "expected token ids, but got [1]"),
        (TOKENIZER, [[0.5]], ["a"], "expected token ids, but got 0.5"),
        (TOKENIZER, [("a", "b")], ["a"], "expected token ids, but got 'a'"),
        (TOKENIZER, [None], ["a"], "TypeError"),
        (TOKENIZER, None, ["a"], "TypeError"),
        (None, ["a"], ["a"], "TypeError"),
        (TOKENIZER, ["a"], [""], "an inference prompt has no tokens"),
        (TOKENIZER, rows(["a"]), [[]], "an inference prompt has no tokens"),
    ],
    ids=[
        "nothing",
        "unequal",
        "text column",
        "prompt and completion",
        "a batch",
        "halves",
        "pairs",
        "none",
        "no list",
        "no tokenizer",
        "empty",
        "no tokens",
    ],
)
def test_what_cannot_be_compared_is_skipped(tokenizer: Any, training: Any, prompts: Any, reason: str) -> None:  # noqa: ANN401
    """With the reason."""
    assert reason in check_prompts(tokenizer, training, prompts).reason


def test_tokenizer_that_cannot_decode_shows_numbers() -> None:
    """Tokens are compared all the same."""
    assert check_prompts(None, [[1, 2]], [[1, 3]]).evidence["training"] == "1 2"


def test_two_begin_tokens_are_found_in_tokens() -> None:
    """Prompts may be tokens already; the first of them is shown."""
    evidence = check_prompt_bos(TOKENIZER, [[1, 1, 9, 9], [1, 1, 8]]).evidence

    assert evidence == {"prompts": 2, "double": 2, "bos": [1], "indices": [0, 1], "ids": [1, 1, 9, 9]}


def test_one_prompt_that_speaks_of_the_token_is_healthy() -> None:
    """Most prompts must begin twice."""
    assert check_prompt_bos(TOKENIZER, ["<|im_start|><|im_start|>a", "bc", "cd"]).status == "passed"


@pytest.mark.parametrize(
    ("tokenizer", "prompts", "reason"),
    [
        (SimpleNamespace(bos_token_id=None), [[1, 1, 2]], "no begin token is known"),
        (TOKENIZER, [], "no prompt has two different tokens"),
        (TOKENIZER, [[1, 1]], "no prompt has two different tokens"),
        (TOKENIZER, [math.nan], "prompts cannot be read"),
        (None, ["a"], "prompts cannot be read"),
    ],
    ids=["no bos", "none", "that token alone", "nan", "no tokenizer"],
)
def test_begin_tokens_that_cannot_be_judged_are_skipped(tokenizer: Any, prompts: Any, reason: str) -> None:  # noqa: ANN401
    """With the reason."""
    assert reason in check_prompt_bos(tokenizer, prompts).reason
