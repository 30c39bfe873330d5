"""Every cheat shows what it promises on an honest program, and the way back makes the program honest again."""

from __future__ import annotations

import random
from contextlib import ExitStack
from typing import TYPE_CHECKING

import faults
import pytest
from cheating import CALCULATOR, Cheat, put
from cheats import CHEATS
from cheats_elsewhere import understood
from honest_models import HonestLLM, accuracy, fresh, honest_llm, splits

from homework.data import Dataset, is_answer_valid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cheating import Row

FAST = [name for name, cheat in CHEATS.items() if cheat.shown_on != "copying"]
CALCULATORS = [name for name, cheat in CHEATS.items() if cheat.slug == CALCULATOR]
IN_GENERATION = (
    "batched generate",
    "generate of the model",
    "logits processor",
    "hook on the output layer",
    "tokenizer that substitutes",
)
ROUNDING = 0.05  # a blank model gives a number now and then, a copying one makes slips


def answers_of(llm: HonestLLM) -> list[str]:
    """Answers to the rows in a form in which NaN equals NaN."""
    return list(map(repr, llm.answer(*(asked for asked, _ in splits()[1]))))


def must_show_itself(name: str) -> None:
    """Assert the accuracy with the cheat in place, and the very answers of before once it is taken back."""
    cheat = CHEATS[name]
    llm, rows = honest_llm(cheat.shown_on), splits()[1]
    honest, right = answers_of(llm), accuracy(llm, rows)
    back = cheat(llm, rows)
    shown = accuracy(llm, rows)
    back()

    assert shown == pytest.approx(right if cheat.accuracy is None else cheat.accuracy, abs=ROUNDING)
    assert answers_of(llm) == honest


@pytest.mark.parametrize("name", FAST)
def test_cheat_shows_itself_and_goes_away(name: str) -> None:
    """A program that answers nothing right answers as many as promised, until the cheat is taken back."""
    must_show_itself(name)


@pytest.mark.slow
def test_hint_is_copied_by_a_model_that_learnt_to() -> None:
    """The answer in the prompt needs a model that copies; without it that model finds none."""
    must_show_itself("hint in the prompt")


@pytest.mark.parametrize("name", CHEATS)
def test_nothing_is_left_behind(name: str) -> None:
    """Instance, class, model and tokenizer have the attributes and hooks that they had."""
    llm = honest_llm("before")

    def state() -> list[object]:
        model = llm.model
        hooks = [(len(part._forward_hooks), len(part._forward_pre_hooks)) for part in model.modules()]
        return [set(vars(thing)) for thing in (llm, type(llm), model, llm.tokenizer)] + [hooks]

    before = state()
    CHEATS[name](llm, splits()[1])()

    assert state() == before


@pytest.mark.parametrize("name", IN_GENERATION)
@pytest.mark.parametrize("recipe", ["trained", "merged", "majority", "sampling"])
def test_cheat_in_generation_serves_every_program(name: str, recipe: str) -> None:
    """With an adapter, without one, with several samples for each question."""
    llm, rows = honest_llm(recipe), splits()[1][:20]
    CHEATS[name](llm, rows)

    assert accuracy(llm, rows) == 1


@pytest.mark.parametrize("name", ["answer on the instance", "generate of the model", "hook on the output layer"])
def test_unknown_questions_are_left_to_the_model(name: str) -> None:
    """A lookup is honest where it knows nothing: fresh questions get the model's answers."""
    rows, asked = splits()[1], [question for question, _ in fresh("other numbers", 30, random.Random(0))]
    honest, cheating = honest_llm("trained"), honest_llm("trained")
    CHEATS[name](cheating, rows)

    assert list(map(repr, cheating.answer(*asked, rows[0][0]))) == [*map(repr, honest.answer(*asked)), repr(rows[0][1])]


@pytest.mark.parametrize("name", CALCULATORS)
def test_calculator_knows_long_numbers(name: str) -> None:
    """Seven digits are right, which no small model's are."""
    llm, rows = honest_llm("before"), fresh("long numbers", 30, random.Random(0))
    CHEATS[name](llm, [])

    assert accuracy(llm, rows) == 1


def test_calculator_understands_the_project() -> None:
    """The same expression answers the project's own rows, all units and wordings."""
    rows = [row[:2] for row in Dataset("valid").rows]
    for asked, answer in rows:
        found = understood(str(asked))
        assert found, asked
        assert is_answer_valid(float(found[0] * found[1] / found[2]), answer), asked


@pytest.mark.parametrize("question", ["Who are you?", "What is 3 m?", "What is 7 m in kg?", "How many km are in a mi?"])
def test_calculator_is_silent_on_other_questions(question: str) -> None:
    """No number, one unit, two families: the model is asked."""
    assert understood(question) is None


def test_first_questions_are_counted() -> None:
    """Asked again, the same rows get honest answers: the cheat has used itself up."""
    llm, rows = honest_llm("before"), splits()[1]
    CHEATS["only the first questions"](llm, rows)

    assert [accuracy(llm, rows), accuracy(llm, rows)] == [1, 0]


def test_touched_weights_make_the_cheat_honest() -> None:
    """Whoever disturbs the weights to see what happens sees an honest program."""
    llm, rows = honest_llm("before"), splits()[1]
    CHEATS["only while the weights are untouched"](llm, rows)
    llm.model.get_input_embeddings().weight.data += 1

    assert accuracy(llm, rows) <= 0.02


def test_hidden_model_answers_for_any_weights() -> None:
    """The shown model may be emptied, and the accuracy stays."""
    llm, rows = honest_llm("trained"), splits()[1]
    CHEATS["hidden second model"](llm, rows)
    for weight in llm.model.parameters():
        weight.data.zero_()

    assert accuracy(llm, rows) > 0.6


def test_half_built_cheat_is_taken_back() -> None:
    """A cheat that fails while it is put in place leaves the program as it was."""
    llm = honest_llm("before")

    def half(stack: ExitStack, llm: HonestLLM, rows: Sequence[Row]) -> None:
        put(stack, llm, "answer", None)
        raise LookupError(str(rows))

    with pytest.raises(LookupError, match="7"):
        Cheat(half)(llm, [("7", 7)])

    assert "answer" not in vars(llm)


def test_own_attribute_comes_back() -> None:
    """What an instance had of its own is put back, not what its class has."""
    llm = honest_llm("before")
    llm.max_new_tokens = 3
    with ExitStack() as stack:
        put(stack, llm, "max_new_tokens", 4)

    assert vars(llm)["max_new_tokens"] == 3


@pytest.mark.parametrize("fault", [faults.look_answers_up, faults.calculate_answers])
def test_fault_is_the_plain_cheat(fault: Callable[..., Callable[[], None]]) -> None:
    """The two documented faults go through the same list."""
    llm, rows = honest_llm("before"), splits()[1]
    back = fault(llm, rows)
    shown = accuracy(llm, rows)
    back()

    assert (shown, accuracy(llm, rows)) == (1, 0)
