"""Labels belong to the tokens beside them; the model shifts them by itself, and once.

Labels that the data code has shifted already make the model learn the token after the next. The loss falls all the
same, and generation skips every other token (transformers#44642). So it does where a model's forward shifts the labels
and its loss function shifts them again (transformers#47394); one that never shifts learns to repeat its input. Such are
the decoders of BART and ten of its relatives in transformers 5.23, where they are loaded as causal language models.
"""

from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import faults
import pytest
import support
import torch
import trainers
from transformers import BartConfig, BartForCausalLM, DataCollatorForSeq2Seq, LlamaForCausalLM

from homework.tokens import Collator
from unsilent.rows import check_shift, read_sample

pytestmark = [pytest.mark.regression, pytest.mark.failure("labels-preshifted")]

COLLATE = DataCollatorForSeq2Seq(support.tiny_tokenizer(), padding=True)


def preshifted(count: int = 10) -> list[Any]:
    """Rows whose labels were moved."""
    rows = trainers.tokenized_rows(count)
    faults.shift_labels(rows)
    return rows


class PlainLoss(torch.nn.Module):
    """A model that compares logits and labels as they are: it wants shifted labels."""

    def __init__(self) -> None:
        """Wrap the tiny one."""
        super().__init__()
        self.inner = support.tiny_model()

    def forward(self, input_ids: torch.Tensor, labels: torch.Tensor, **_: object) -> Any:  # noqa: ANN401
        """Compute the loss without a shift."""
        logits = self.inner(input_ids).logits
        return SimpleNamespace(logits=logits, loss=torch.nn.functional.cross_entropy(logits[0], labels[0]))


class Denoiser(torch.nn.Module):
    """Sees every token of a row, and learns to give them back: nothing is to be shifted."""

    def __init__(self) -> None:
        """A word for each token, and what all of them have in common."""
        super().__init__()
        self.words = torch.nn.Embedding(300, 16)
        self.head = torch.nn.Linear(16, 300)

    def forward(self, input_ids: torch.Tensor, labels: torch.Tensor, **_: object) -> Any:  # noqa: ANN401
        """Compute the loss without a shift."""
        words = self.words(input_ids)
        logits = self.head(words + words.mean(dim=1, keepdim=True))
        return SimpleNamespace(logits=logits, loss=torch.nn.functional.cross_entropy(logits[0], labels[0]))


class ShiftingTwice(LlamaForCausalLM):  # type: ignore[misc] # untyped base class
    """Its forward moves the labels, and leaves the rest to a loss that moves them again."""

    def forward(self, input_ids: Any = None, labels: Any = None, **options: Any) -> Any:  # noqa: ANN401
        """Move them."""
        if labels is not None:
            labels = torch.nn.functional.pad(labels[:, 1:], (0, 1), value=-100)
        return super().forward(input_ids=input_ids, labels=labels, **options)


class Adding(LlamaForCausalLM):  # type: ignore[misc] # untyped base class
    """Adds to its loss what no row has to do with, as a mixture of experts and AdaLoRA do."""

    added = 0.0

    def forward(self, *inputs: Any, **options: Any) -> Any:  # noqa: ANN401
        """Add it."""
        output = super().forward(*inputs, **options)
        if output.loss is not None:
            output.loss = output.loss + self.added
        return output


def remade(kind: type[LlamaForCausalLM]) -> Any:  # noqa: ANN401
    """The tiny model as another class."""
    model = support.tiny_model()
    model.__class__ = kind
    return model


def test_fault_is_real(tmp_path: Path) -> None:
    """The loss falls to nearly nothing, and the model that knows the row by heart says the token after the next."""
    ids = support.tiny_tokenizer()("abcdefghijkl")["input_ids"]
    rows = [{"input_ids": ids, "labels": [*ids[1:], -100]}] * 4
    model = support.tiny_model()
    log = trainers.train_plainly(model, rows, COLLATE, tmp_path, max_steps=60)
    said = model.eval()(torch.tensor([ids])).logits[0].argmax(-1).tolist()

    assert log[-1]["loss"] < 0.1
    assert said[:-2] == ids[2:]


def test_check_finds_it() -> None:
    """The finding says by how much, and in how many rows."""
    outcome = check_shift(read_sample(preshifted(), COLLATE))

    assert (outcome.status, outcome.slug) == ("failed", "labels-preshifted")
    assert "got input_ids[t+1] in 10 of 10 sampled rows" in outcome.message
    assert (outcome.evidence.get("offset"), outcome.evidence.get("confirmed")) == (1, False)


def test_model_confirms_it() -> None:
    """One forward pass shows that the model's loss shifts again."""
    outcome = check_shift(read_sample(preshifted(), COLLATE), support.tiny_model())

    assert (outcome.status, outcome.evidence.get("confirmed")) == ("failed", True)


def test_model_that_does_not_shift_wants_such_labels() -> None:
    """The same rows are right for a loss without a shift."""
    outcome = check_shift(read_sample(preshifted(), COLLATE), PlainLoss())

    assert outcome.status == "passed"
    assert "this is what it wants" in outcome.message


def test_check_finds_labels_behind_their_tokens() -> None:
    """Moved the wrong way, the model learns to repeat its input."""
    rows = [{"input_ids": row["input_ids"], "labels": [-100, *row["input_ids"][:-1]]} for row in preshifted()]

    assert check_shift(read_sample(rows, COLLATE)).evidence.get("offset") == -1


def test_model_that_shifts_twice_is_real(tmp_path: Path) -> None:
    """With rows that are as they should be it says the token after the next as well."""
    ids = support.tiny_tokenizer()("abcdefghijkl")["input_ids"]
    model = remade(ShiftingTwice)
    log = trainers.train_plainly(model, [{"input_ids": ids, "labels": ids}] * 4, COLLATE, tmp_path, max_steps=60)
    said = model.eval()(torch.tensor([ids])).logits[0].argmax(-1).tolist()

    assert log[-1]["loss"] < 0.1
    assert said[:-2] == ids[2:]


def bart() -> BartForCausalLM:
    """The decoder of an encoder-decoder, as a causal language model."""
    sizes = {"d_model": 32, "decoder_layers": 2, "decoder_attention_heads": 4, "decoder_ffn_dim": 64}
    torch.manual_seed(0)
    return BartForCausalLM(BartConfig(vocab_size=300, pad_token_id=2, max_position_embeddings=128, **sizes))


def test_decoder_that_never_shifts_repeats_its_input(tmp_path: Path) -> None:
    """Trained like any other, with a loss that falls to nothing."""
    ids = support.tiny_tokenizer()("abcdefghijkl")["input_ids"]
    model = bart()
    log = trainers.train_plainly(model, [{"input_ids": ids, "labels": ids}] * 4, COLLATE, tmp_path, max_steps=80)
    said = model.eval()(torch.tensor([ids])).logits[0].argmax(-1).tolist()

    assert log[-1]["loss"] < 0.1
    assert said == ids


@pytest.mark.parametrize(
    ("model", "shift", "learns"),
    [
        (lambda: remade(ShiftingTwice), 2, "the token 2 ahead"),
        (PlainLoss, 0, "the token it is given"),
        (bart, 0, "the token it is given"),
    ],
    ids=["twice", "never", "BART's decoder"],
)
def test_check_finds_a_model_that_shifts_otherwise(model: Any, shift: int, learns: str) -> None:  # noqa: ANN401
    """Its loss is its own logits' cross entropy, shifted by something else than one."""
    outcome = check_shift(read_sample(trainers.tokenized_rows(), COLLATE), model())

    assert (outcome.status, outcome.evidence.get("model_shift")) == ("failed", shift)
    assert learns in outcome.message
    assert type(model()).__qualname__ in outcome.message


def test_guard_finds_a_model_that_shifts_twice(tmp_path: Path) -> None:
    """Under an adapter, before the first step."""
    found = trainers.caught(trainers.make_trainer(tmp_path, remade(ShiftingTwice)))

    assert (found.outcome.slug, found.step) == ("labels-preshifted", 0)
    assert "ShiftingTwice" in str(found)


@pytest.mark.parametrize("added", [0.0, 1e-4, 1e-3, 0.02, 0.5, 3.0])
def test_what_a_model_adds_to_its_loss_is_no_shift(added: float) -> None:
    """It may look like one in a row, never in several."""
    model = remade(Adding)
    model.added = added

    assert check_shift(read_sample(trainers.tokenized_rows(), COLLATE), model).status == "passed"


@pytest.mark.parametrize("shift", [0, 2])
def test_one_row_is_no_witness(shift: int) -> None:
    """What is added may be, to the last bit, what lies between two shifts of that row."""
    model, sample = remade(Adding), read_sample(trainers.tokenized_rows(), COLLATE)
    shortest = min(sample.rows, key=lambda row: len(row.ids))
    labels = torch.tensor(shortest.labels)
    with torch.no_grad():
        logits = model(torch.tensor([shortest.ids])).logits[0]
    losses = [float(torch.nn.functional.cross_entropy(logits[: len(labels) - by], labels[by:])) for by in (shift, 1)]
    model.added = losses[0] - losses[1]

    assert check_shift(sample, model).status == "passed"


def test_model_that_sees_the_whole_row_may_give_it_back() -> None:
    """What a denoiser learns is no copying."""
    assert check_shift(read_sample(trainers.tokenized_rows(), COLLATE), Denoiser()).status == "passed"


def test_looking_leaves_the_model_as_it_was() -> None:
    """Weights, gradients, mode and random state."""
    model = support.tiny_model().train()
    before, state = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    check_shift(read_sample(trainers.tokenized_rows(), COLLATE), model)

    assert model.training
    assert all(weight.grad is None and torch.equal(weight, before[name]) for name, weight in model.named_parameters())
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("collate", [COLLATE, Collator(2)], ids=["transformers'", "homework's"])
def test_healthy_twin_is_left_alone(collate: Any) -> None:  # noqa: ANN401
    """Labels at their own tokens, also where the collator keeps the last of them only."""
    assert check_shift(read_sample(trainers.tokenized_rows(), collate), support.tiny_model()).status == "passed"


@pytest.mark.parametrize("ids", [[5] * 12, [5, 6] * 6, [5, 5, 6] * 4], ids=["constant", "alternating", "periodic"])
def test_coincidences_are_healthy(ids: list[int]) -> None:
    """Rows in which a token and its neighbour are often the same."""
    assert check_shift(read_sample([{"input_ids": ids, "labels": ids}] * 8, COLLATE)).status == "passed"


def test_shift_labels_are_read_as_what_they_are() -> None:
    """A collator that gives shift_labels has shifted for a model that then does not."""

    def collate(rows: list[dict[str, list[int]]]) -> dict[str, list[list[int]]]:
        return {"input_ids": [rows[0]["input_ids"]], "shift_labels": [[*rows[0]["labels"][1:], -100]]}

    assert check_shift(read_sample(trainers.tokenized_rows(), collate)).status == "passed"
    assert check_shift(read_sample(preshifted(), collate)).status == "failed"
