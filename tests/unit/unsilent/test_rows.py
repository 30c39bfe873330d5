"""Checks on rows: healthy ones of any make are left alone, and nothing that a data set holds makes a check raise."""

from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import support
import torch
import trainers
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import DataCollatorForLanguageModeling, DataCollatorForSeq2Seq, default_data_collator
from transformers.trainer_utils import RemoveColumnsCollator

from homework.data import Dataset
from homework.sft import format_example
from homework.tokens import Collator, TokenizedDataset
from unsilent import rows, samples
from unsilent.samples import Sample, read_sample

PAD = 2
TOKENIZER = support.tiny_tokenizer()
RIGHT = DataCollatorForSeq2Seq(TOKENIZER, padding=True, pad_to_multiple_of=8)
COLLATORS = {
    "Trainer's default": default_data_collator,
    "seq2seq": RIGHT,
    "homework's": Collator(PAD),
    "columns removed": RemoveColumnsCollator(RIGHT, ["input_ids", "labels", "attention_mask"]),
}


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are read here, where it is seen; ``test_child.py`` and ``test_guard.py`` fork."""
    monkeypatch.setattr(samples, "in_child", lambda work: work())


def findings(sample: Sample, **options: Any) -> list[str]:  # noqa: ANN401 - of check_rows
    """Slugs of what was found."""
    return [outcome.slug for outcome in rows.check_rows(sample, **options) if outcome.status == "failed"]


def reasons(sample: Sample) -> set[str]:
    """Why checks were skipped; a passed one counts as no reason."""
    return {outcome.reason for outcome in rows.check_rows(sample)}


def row(ids: list[int], *, prompt: int = 0) -> dict[str, list[int]]:
    """A row with a masked prompt."""
    return {"input_ids": ids, "labels": [-100] * prompt + ids[prompt:], "attention_mask": [1] * len(ids)}


@st.composite
def healthy_rows(draw: st.DrawFn) -> list[dict[str, list[int]]]:
    """Rows of random tokens, lengths, vocabularies and prompts, with or without an end, some without any label."""
    vocabulary = draw(st.sampled_from([4, 8, 300]))  # ids from 3: neither begin, end nor padding by chance
    constant, ends = draw(st.booleans()), draw(st.booleans())
    found = []
    for _ in range(draw(st.integers(1, 12))):
        size = draw(st.integers(3, 20))
        ids = draw(st.lists(st.integers(3, vocabulary), min_size=size, max_size=size))
        ids = [ids[0]] * size if constant else ids
        found.append(row([1, *ids, *([PAD] if ends else [])], prompt=draw(st.integers(0, size - 1))))
    if len(found) > 2 and draw(st.booleans()):
        found[0]["labels"] = [-100] * len(found[0]["labels"])
    return found


@settings(deadline=None)
@given(data=healthy_rows(), name=st.sampled_from(sorted(COLLATORS)), known=st.booleans())
def test_healthy_rows_are_left_alone(data: list[Any], name: str, known: bool) -> None:  # noqa: FBT001 - drawn
    """Whatever healthy rows hold, and however they are collated, nothing is found."""
    sample = read_sample(data, COLLATORS[name], tokenizer=TOKENIZER if known else None)

    assert findings(sample, eos=PAD, bos=1) == []


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["input_ids", "labels", "attention_mask", "text", "messages"]), inner)
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(data=ANYTHING, batch=ANYTHING, through=st.sampled_from([*COLLATORS, "identity", "anything", "first"]))
def test_nothing_makes_them_raise(data: Any, batch: Any, through: str) -> None:  # noqa: ANN401 - that is the point
    """Data sets and collators may hold and return anything."""
    collators = COLLATORS | {
        "identity": lambda items: items,
        "anything": lambda _: batch,
        "first": lambda items: items[0],
    }
    sample = read_sample(data, collators[through], tokenizer=TOKENIZER)

    assert len(rows.check_rows(sample, model=torch.nn.Linear(1, 1))) == 5


@pytest.mark.parametrize("name", COLLATORS)
@pytest.mark.parametrize(
    "data",
    [
        [row(list(range(3, 15)))] * 4,
        [row([7] * 12)] * 4,
        [row([PAD] * 12)] * 4,
        [row([1, 5, 6, PAD], prompt=2)] * 4,
        [{"input_ids": [1, 9, 2, 1, 8, 7, 2, 1, 9, 2, 1, 8, 2], "labels": [-100] * 5 + [7, 2] + [-100] * 4 + [8, 2]}]
        * 4,
    ],
    ids=["fixed length", "constant", "padding alone", "prompt masked", "turns of a conversation"],
)
def test_controls(name: str, data: list[Any]) -> None:
    """Made-up and real kinds of healthy rows, through each collator."""
    sample = read_sample(data, COLLATORS[name], tokenizer=TOKENIZER)

    assert findings(sample, max_length=12, model=support.tiny_model()) == []


def test_library_is_left_alone(small_data: Path) -> None:
    """The project's own rows and collator, with its model."""
    items = TokenizedDataset(TOKENIZER, Dataset("train"), format_example, 200)
    sample = read_sample(items, Collator(PAD), tokenizer=TOKENIZER)

    assert findings(sample, model=support.tiny_model(), max_length=200) == []


@pytest.mark.no_cover
@pytest.mark.filterwarnings("ignore:`gradient_checkpointing` is deprecated:FutureWarning")
@pytest.mark.parametrize("packing", [False, True], ids=["padded", "packed"])
@pytest.mark.parametrize("seed", range(5))
def test_trl_on_chats_is_left_alone(seed: int, packing: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a parameter
    """Chats of random length, as TRL prepares and collates them."""
    rng = random.Random(seed)
    chats = [
        [
            {"role": role, "content": "word " * rng.randint(1, 6)}
            for _ in range(rng.randint(1, 3))
            for role in ("user", "assistant")
        ]
        for _ in range(20)
    ]
    data = [{"messages": chat} for chat in chats]
    trainer = trainers.sft_trainer(data, tmp_path, max_length=400, packing=packing, seed=seed)
    sample = read_sample(trainer.train_dataset, trainer.data_collator, tokenizer=trainer.processing_class)

    assert findings(sample, model=trainer.model, max_length=400) == []
    assert len(sample.rows) > 1


def test_packed_rows_may_begin_with_the_end_token() -> None:
    """One token for begin and end, sequences that begin with it and positions that restart: no end was masked."""

    def collate(items: list[Any]) -> dict[str, list[list[int]]]:
        return {name: [values] for name, values in items[0].items()}

    packed = {
        "input_ids": [2, 7, 8, 9, 2, 7, 8, 9],
        "labels": [-100, -100, 8, 9, -100, -100, 8, 9],
        "position_ids": [0, 1, 2, 3, 0, 1, 2, 3],
    }
    sample = read_sample([packed] * 4, collate)

    assert findings(sample, eos=2, bos=2) == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ([], "the data set is empty"),
        (iter([1]), "the data set has no length"),
        ([{"text": "no ids"}], "row 0 cannot be read and collated"),
        ([{"input_ids": [3, 4]}], "no labels"),
        ([{"input_ids": [3, 4], "labels": 1}], "its labels are not one a token"),
        ([{"input_ids": [3, 4, 5], "labels": [8, 9]}], "its labels are not one a token"),
        ([{"input_ids": [3, 4], "labels": [3, 4], "decoder_input_ids": [1, 2]}], "encoder-decoder"),
    ],
    ids=["empty", "no length", "no ids", "no labels", "one label", "another text's labels", "encoder-decoder"],
)
def test_what_cannot_be_judged_is_skipped(data: Any, reason: str) -> None:  # noqa: ANN401
    """Every check gives the reason."""
    sample = read_sample(data, default_data_collator)
    outcomes = [rows.check_labels_masked(sample), rows.check_truncation(sample), rows.check_eos(sample)]
    outcomes += [rows.check_shift(sample), *([] if "no labels" in reason else [rows.check_bos(sample)])]

    assert [(outcome.status, reason in outcome.reason) for outcome in outcomes] == [("skipped", True)] * len(outcomes)


def test_special_tokens_must_be_known() -> None:
    """Without ids and a tokenizer, the collator's included, neither end nor begin is known."""
    sample = read_sample([row([3, 4, 5])] * 2, default_data_collator)

    assert "no end-of-text token is known" in reasons(sample)
    assert "no begin token is known" in reasons(sample)
    assert reasons(read_sample([row([3, 4, 5])] * 2, COLLATORS["columns removed"])) == {""}


def test_some_cut_rows_are_mentioned() -> None:
    """Fewer than most: passed, with their share."""
    data = [row([3, 4, 5, 6], prompt=3)] * 3 + [row([3, 4, 5, 6], prompt=4)]
    outcome = rows.check_truncation(read_sample(data, RIGHT), 4)

    assert (outcome.status, outcome.message) == ("passed", "25% of the rows have lost their labels to truncation")


class Odd(torch.nn.Module):
    """A model whose loss is what it is told to be."""

    def __init__(self, loss: float, *, encoder: bool = False) -> None:
        """Keep the loss, and a parameter that has a device."""
        super().__init__()
        self.loss, self.weight = loss, torch.nn.Parameter(torch.zeros(1))
        self.register_buffer("calls", torch.zeros(()))
        self.config = SimpleNamespace(is_encoder_decoder=encoder)

    def forward(self, **inputs: torch.Tensor) -> Any:  # noqa: ANN401
        """Draw logits, count the call."""
        self.get_buffer("calls").add_(1)
        return SimpleNamespace(logits=torch.randn(1, inputs["input_ids"].shape[1], 300), loss=self.loss)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Odd(1e6), "labels shifted by 0, 1, 2"),
        (Odd(1.0, encoder=True), "an encoder-decoder shifts in its own way"),
        (torch.nn.Linear(1, 1), "raised TypeError"),
    ],
    ids=["another loss", "encoder-decoder", "no language model"],
)
def test_model_that_confirms_nothing(model: torch.nn.Module, words: str) -> None:
    """Shifted labels, and a loss that says neither yes nor no: skipped. Nothing of the model has changed."""
    ids = [5, 6, 7, 8, 9, 10]
    sample = read_sample([{"input_ids": ids, "labels": [*ids[1:], -100]}] * 3, default_data_collator)
    before, state = {name: value.clone() for name, value in model.state_dict().items()}, torch.get_rng_state()
    outcome = rows.check_shift(sample, model)

    assert (outcome.status, words in outcome.reason) == ("skipped", True)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)


def test_language_modeling_with_its_own_padding_token_learns_the_end() -> None:
    """Transformers' collator is fine when padding is another token."""
    tokenizer = support.tiny_tokenizer()
    tokenizer.pad_token = support.UNK
    data = [{"input_ids": one["input_ids"]} for one in trainers.tokenized_rows()]
    collate = DataCollatorForLanguageModeling(tokenizer, mlm=False)

    assert findings(read_sample(data, collate, tokenizer=tokenizer)) == []
