"""Models that answer questions, with a fault between weights and answers, and healthy programs.

The small ones know five rows by heart and are built in a second. Those that are asked for honesty come from
``tests/honest_models.py``: really trained on a thousand questions, broken by ``tests/cheats.py``.
"""

from __future__ import annotations

import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

import faults
import pytest
import support
import torch
from honest_models import fresh, honest_llm, splits
from peft import PeftModel
from transformers import AutoModelForCausalLM

from homework.lora import add_adapter
from homework.sft import SFTModel, format_example
from homework.tokens import TokenizedDataset
from unsilent.parity import record_logits

from .registry import control, fault
from .subjects import Program

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROWS = support.FIVE_ROWS
PROMPTS = ["How many cm are in 3 m? <answer>", "What is 1 kg in g? <answer>"]


def knowing(folder: Path) -> Program:
    """A tiny model that knows five rows by heart."""
    llm = SFTModel(str(support.write_tiny_base(folder / "base")), dtype="fp32", device="cpu")
    support.memorise(llm, ROWS)
    return Program(llm, ROWS, TokenizedDataset(llm.tokenizer, ROWS, format_example))


def adapted(folder: Path, steps: int = 60) -> Program:
    """The same with a LoRA adapter that knows the rows."""
    llm = SFTModel(str(support.write_tiny_base(folder / "base")), dtype="fp32", device="cpu")
    llm.model = add_adapter(llm.model, 8)
    llm.model.train()
    support.memorise(llm, ROWS, steps)
    llm.model.eval()
    return Program(llm, ROWS, TokenizedDataset(llm.tokenizer, ROWS, format_example), dtype="fp32")


def reloaded(folder: Path, lose: Callable[[Path], object] = lambda _: None, dtype: Any = torch.float32) -> Program:  # noqa: ANN401
    """Trained, recorded, saved, and loaded again, with something between."""
    program = adapted(folder)
    model, tokenizer = program.llm.model, program.llm.tokenizer
    program.logits, program.live = record_logits(model, tokenizer, PROMPTS), model
    model.save_pretrained(folder / "sft", save_embedding_layers=False)
    lose(folder / "sft")
    base = AutoModelForCausalLM.from_pretrained(folder / "base", dtype=dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the warning is the zero line's, and stands in the rows of adapters
        program.llm.model = PeftModel.from_pretrained(base, str(folder / "sft")).eval()
    return program


@fault(Program, "padding-side")
def padded_on_the_right(folder: Path) -> Program:
    """Generation pads after the prompts."""
    program = knowing(folder)
    program.rows = [*ROWS, ("And 7 ft in inches, please, if you would be so kind?", 84.0), ("2?", 2.0)]
    faults.pad_on_the_right(pytest.MonkeyPatch())
    return program


@fault(Program, "answer-rate-inflated")
def nothing_is_zero(folder: Path) -> Program:
    """A completion without a number is read as 0.0."""
    program = knowing(folder)
    faults.parse_nothing_as_zero(program.llm)
    return program


@fault(Program, "prompt-mismatch", "no-numeric-answers")
def tag_left_out(folder: Path) -> Program:
    """The prompt ends without its opening tag."""
    program = knowing(folder)
    faults.leave_out_tag(program.llm)
    return program


@fault(Program, "no-numeric-answers")
def nan_weights(folder: Path) -> Program:
    """NaN weights: nothing but empty completions."""
    program = knowing(folder)
    faults.poison_weights(program.llm)
    return program


@fault(Program, "prompt-mismatch")
def formatted_twice(folder: Path) -> Program:
    """The prompt is formatted twice."""
    program = knowing(folder)
    faults.format_again(program.llm)
    return program


@fault(Program, "prompt-mismatch")
def space_behind_tag(folder: Path) -> Program:
    """A space behind the opening tag."""
    program = knowing(folder)
    faults.end_with_a_space(program.llm)
    return program


@fault(Program, "double-bos", "prompt-mismatch")
def two_begin_tokens(folder: Path) -> Program:
    """Template and tokenizer each begin the prompt."""
    program = knowing(folder)
    faults.tokenize_templated_text(program.llm.tokenizer)
    ask = program.llm.format_prompt
    program.llm.format_prompt = lambda question: f"{support.BOS}{ask(question)}"
    return program


@fault(Program, "dtype-mismatch", "reload-mismatch", words="dtype-mismatch")
def loaded_in_fp16(folder: Path) -> Program:
    """Trained in fp32, loaded on an fp16 base that overflows."""
    program = adapted(folder)
    model = program.llm.model
    program.logits = record_logits(model, program.llm.tokenizer, PROMPTS)
    model.save_pretrained(folder / "sft", save_embedding_layers=False)
    base = AutoModelForCausalLM.from_pretrained(folder / "base", dtype=torch.float16)
    faults.enlarge_activations(base)
    program.llm.model = PeftModel.from_pretrained(base, str(folder / "sft")).eval()
    return program


@fault(Program, "reload-mismatch", "adapter-without-effect", words="reload-mismatch")
def tensors_lost(folder: Path) -> Program:
    """Tensors of one layer lost between save and load."""
    return reloaded(folder, faults.drop_tensors)


@fault(Program, "reload-mismatch", "adapter-without-effect", words="reload-mismatch")
def keys_renamed_between(folder: Path) -> Program:
    """Keys renamed between save and load."""
    return reloaded(folder, lambda at: faults.rename_tensors(at, "mlp", "ffn"))


def _without_effect(spoil: Callable[[Any], None], folder: Path) -> Program:
    program = adapted(folder)
    spoil(program.llm.model)
    return program


for _slug, _title, _spoil in (
    ("adapters-disabled", "Adapter layers disabled", faults.disable_adapters),
    ("scaled-by-zero", "The adapter's scaling is 0", faults.scale_adapter_by_zero),
    ("another-is-active", "Another, fresh adapter is active", faults.activate_a_new_adapter),
    ("every-key-dropped", "Trained weights loaded under other names", faults.drop_every_key),
):
    fault(Program, "adapter-without-effect", slug=_slug, title=_title)(partial(_without_effect, _spoil))


def honest(recipe: str, folder: Path) -> Program:
    """A program that is asked for its honesty."""
    folder.mkdir(parents=True, exist_ok=True)
    return Program(honest_llm(recipe), splits()[1], fresh=fresh)


@fault(Program, "answer-lookup")
def answers_looked_up(folder: Path) -> Program:
    """answer() reads the data set."""
    program = honest("blank", folder)
    faults.look_answers_up(program.llm, program.rows)
    return program


@fault(Program, "answer-calculator", "answer-lookup")
def answers_calculated(folder: Path) -> Program:
    """A regular expression and a table of factors answer."""
    program = honest("blank", folder)
    faults.calculate_answers(program.llm, program.rows)
    return program


@fault(Program, "score-below-bound")
def stopped_early(folder: Path) -> Program:
    """Stopped long before it had learnt."""
    program = honest("trained", folder)
    program.bounds = (0.40, 0.90)
    faults.stop_early(program.llm.model)
    return program


@fault(Program, "score-below-bound")
def half_without_answer(folder: Path) -> Program:
    """Every other completion has no number."""
    program = honest("trained", folder)
    program.bounds = (0.40, 0.90)
    right = program.llm.answer
    program.llm.answer = lambda *questions: faults.leave_half_open(right(*questions))
    return program


@control(Program)
def knows_by_heart(folder: Path) -> Program:
    """Five rows by heart, every weight trained."""
    return knowing(folder)


@control(Program)
def knows_with_adapter(folder: Path) -> Program:
    """Five rows by heart, in an adapter."""
    return adapted(folder)


@control(Program)
def saved_and_loaded(folder: Path) -> Program:
    """Saved and loaded again, as it was."""
    return reloaded(folder)


for _recipe in ("trained", "overfitted", "chain of thought", "few shot", "merged", "full", "batch dependent"):
    control(Program, slug=f"honest-{_recipe.replace(' ', '-')}", title=f"Honest program: {_recipe}")(
        partial(honest, _recipe)
    )
