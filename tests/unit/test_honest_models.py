"""The honest programs keep their promises: what they can, what they cannot, and that their weights do it."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest
import torch
from honest_models import RECIPES, HonestLLM, accuracy, fresh, honest_llm, save, splits, trained

from homework import sft

SEEDS = range(20)
FAST = ("blank", "before", "barely trained", "trained", "batch dependent", "sampling", "restless", "merged")
OF_EVERY_SEED = ("trained", "batch dependent", "sampling", "majority", "full")


def must_keep_its_promise(recipe: str, seed: int) -> None:
    """Assert the accuracy on 100 rows that the model has not learnt from (the overfitted one: that it has)."""
    promised = RECIPES[recipe]
    measured = accuracy(honest_llm(recipe, seed), splits(seed)[1])

    assert promised.least <= measured <= promised.most, f"{recipe}, seed {seed}: {measured}"


@pytest.mark.parametrize("recipe", FAST)
def test_program_is_as_good_as_promised(recipe: str) -> None:
    """Each kind that trains within a second has its accuracy."""
    must_keep_its_promise(recipe, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [recipe for recipe in RECIPES if recipe not in FAST])
def test_slower_program_is_as_good_as_promised(recipe: str) -> None:
    """Each of the other kinds has it too."""
    must_keep_its_promise(recipe, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_promise_holds_for_every_seed(seed: int) -> None:
    """The accuracy is no luck of one seed."""
    for recipe in OF_EVERY_SEED:
        must_keep_its_promise(recipe, seed)


@pytest.mark.parametrize(
    ("kind", "least", "most"),
    [("other numbers", 0.6, 1), ("other wordings", 0.6, 1), ("unseen pairs", 0.2, 1), ("long numbers", 0, 0.1)],
)
def test_trained_program_generalises(kind: str, least: float, most: float) -> None:
    """New numbers and wordings are answered, unseen pairs in part, seven digits not at all."""
    measured = accuracy(honest_llm("trained"), fresh(kind, 100, random.Random(0)))

    assert least <= measured <= most, measured


def test_same_seed_gives_the_same_weights() -> None:
    """Training again gives the same model, bit for bit."""
    again = trained.__wrapped__(RECIPES["barely trained"].lesson, 5).model.state_dict()

    for name, weight in honest_llm("barely trained", 5).model.state_dict().items():
        assert torch.equal(weight, again[name]), name


def test_other_seed_gives_other_weights() -> None:
    """Seeds are different models with different rows."""
    one, other = (honest_llm("barely trained", seed).model.state_dict() for seed in (5, 6))

    assert any(not torch.equal(weight, other[name]) for name, weight in one.items())


def test_training_leaves_the_random_state_alone() -> None:
    """Building a model in the middle of a test changes nothing that the test draws."""
    before = torch.get_rng_state(), random.getstate()
    trained.__wrapped__(RECIPES["barely trained"].lesson, 7)

    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]


def test_copy_may_be_broken() -> None:
    """What a test does to its program, no other test sees."""
    llm = honest_llm("trained")
    for weight in llm.model.parameters():
        weight.data.zero_()
    llm.tokenizer.decode = None

    assert accuracy(honest_llm("trained"), splits()[1]) > 0.6


@pytest.mark.parametrize("recipe", ["trained", "sampling", "merged", "batch dependent"])
def test_answers_come_from_the_weights(recipe: str) -> None:
    """Without its weights no program is right: the twin of every cheat."""
    llm = honest_llm(recipe)
    for name, weight in llm.model.named_parameters():
        if "norm" not in name:
            weight.data.zero_()

    assert accuracy(llm, splits()[1]) <= 0.02


def test_adapter_makes_the_difference() -> None:
    """The model is a PEFT model, and with its adapter off it is the base, which does not answer."""
    llm = honest_llm("trained")

    with llm.model.disable_adapter():
        assert accuracy(llm, splits()[1]) <= 0.02


def test_blank_program_gives_no_number() -> None:
    """Random weights say nothing that reads as a number, the base says one that is wrong."""
    questions = [asked for asked, _ in splits()[1]]

    assert sum(map(math.isnan, honest_llm("blank").answer(*questions))) > 90
    assert not any(map(math.isnan, honest_llm("before").answer(*questions)))


def test_batch_dependent_program_depends_on_the_batch() -> None:
    """Some answers alone are not those given in company; the ordinary program's are."""
    questions = [asked for asked, _ in splits()[1][:30]]

    def changes(llm: HonestLLM) -> int:
        together, alone = llm.answer(*questions), [llm.answer(question)[0] for question in questions]
        return sum(repr(one) != repr(other) for one, other in zip(together, alone, strict=True))

    assert changes(honest_llm("batch dependent")) > 0
    assert changes(honest_llm("trained")) == 0


def test_sampling_is_repeated_and_restless_is_not() -> None:
    """With a seed the same answers come again; without one, others."""
    questions = [asked for asked, _ in splits()[1]]
    sampling, restless = honest_llm("sampling"), honest_llm("restless")

    assert list(map(repr, sampling.answer(*questions))) == list(map(repr, sampling.answer(*questions)))
    assert list(map(repr, restless.answer(*questions))) != list(map(repr, restless.answer(*questions)))


def test_remembering_program_asks_its_model_once() -> None:
    """A question asked again is answered without the model, which is honest and must not be called a lookup."""
    llm, (asked, _) = honest_llm("remembering"), splits()[1][0]
    first = llm.answer(asked)
    llm.model.get_input_embeddings().weight.data.zero_()

    assert llm.answer(asked, asked) == first * 2


def test_saved_adapter_is_loaded_by_the_project(tmp_path: Path) -> None:
    """A folder with adapter and manifest answers through ``homework.sft`` as the live program does."""
    llm = honest_llm("trained")
    questions = [asked for asked, _ in splits()[1]]
    loaded = sft.load(str(save(llm, tmp_path / "adapter")))
    loaded.max_new_tokens = llm.max_new_tokens

    assert list(map(repr, loaded.answer(*questions))) == list(map(repr, llm.answer(*questions)))


@pytest.mark.slow
def test_overfitted_program_knows_nothing_else() -> None:
    """What it was trained on is answered, hardly anything else is: a gap that is no lookup."""
    assert accuracy(honest_llm("overfitted"), splits()[0][:100]) < 0.15


@pytest.mark.slow
def test_chain_of_thought_writes_a_product() -> None:
    """The reasoning comes before the tag."""
    llm = honest_llm("chain of thought")

    assert " * " in llm.generate(llm.format_prompt(splits()[1][0][0])).split("<answer>")[0]


@pytest.mark.slow
def test_few_shot_prompt_holds_an_answered_example() -> None:
    """A right answer stands in every prompt, to another question."""
    llm, (asked, _) = honest_llm("few shot"), splits()[0][0]

    assert llm.format_prompt("What is 5 m in mm?").startswith(f"{asked} <answer>")
