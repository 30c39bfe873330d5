"""What was put in the place of a function is named; what libraries put there themselves is not."""

from __future__ import annotations

import dataclasses
import functools
import types
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import support
import torch
from transformers import GenerationMixin, LogitsProcessor, LogitsProcessorList, TemperatureLogitsWarper

from homework.base_llm import BaseLLM
from unsilent.replacements import replacements

HERE = Path(__file__).name


def looked_up(*_: Any, **__: Any) -> list[float]:  # noqa: ANN401
    """What a cheat would say."""
    return [1.0]


class Forced(LogitsProcessor):  # type: ignore[misc] # transformers' base class is untyped
    """Steers."""

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Nothing, here."""
        del input_ids
        return scores


@pytest.fixture
def llm(tiny_base: Path) -> BaseLLM:
    """An honest program."""
    return BaseLLM(str(tiny_base), dtype="fp32", device="cpu")


def wrapped(llm: BaseLLM) -> None:
    """The original is called where the table knows nothing."""
    original = llm.answer
    llm.answer = functools.wraps(original)(lambda *questions: original(*questions) or [1.0])  # type: ignore[method-assign]


def subclassed(llm: BaseLLM) -> None:
    """Another class for the tokenizer."""

    class Other(type(llm.tokenizer)):  # type: ignore[misc] # whatever it is
        """Looks up."""

        def decode(self, *_: Any, **__: Any) -> str:  # noqa: ANN401
            """What a cheat would say."""
            return "1"

    llm.tokenizer.__class__ = Other


def hooked(llm: BaseLLM) -> None:
    """The projection's output is replaced."""
    llm.model.lm_head.register_forward_hook(looked_up)


CHEATS: dict[str, tuple[Callable[[Any], object], str]] = {
    "answer": (lambda llm: setattr(llm, "answer", looked_up), "llm.answer is replaced on the instance by looked_up"),
    "bound": (lambda llm: setattr(llm, "answer", types.MethodType(looked_up, llm)), "llm.answer is replaced"),
    "wrapped": (wrapped, "llm.answer is replaced on the instance by wrapped.<locals>.<lambda>"),
    "partial": (lambda llm: setattr(llm, "answer", functools.partial(looked_up, 1)), "llm.answer is replaced"),
    "built in": (lambda llm: setattr(llm, "answer", {}.get), "by dict.get, which is built in"),
    "batched_generate": (lambda llm: setattr(llm, "batched_generate", looked_up), "llm.batched_generate is replaced"),
    "generate": (lambda llm: setattr(llm.model, "generate", looked_up), "llm.model.generate is replaced"),
    "forward of a layer": (
        lambda llm: setattr(llm.model.model.layers[1], "forward", looked_up),
        "llm.model.model.layers.1.forward is replaced",
    ),
    "behind autocast": (
        lambda llm: setattr(llm.model, "forward", torch.autocast("cpu")(looked_up)),
        "llm.model.forward is replaced on the instance by looked_up",
    ),
    "hook": (hooked, "A forward hook of llm.model.lm_head may change what it computes: looked_up"),
    "decode": (lambda llm: setattr(llm.tokenizer, "decode", looked_up), "llm.tokenizer.decode is replaced"),
    "subclass": (subclassed, "llm.tokenizer: class Other has its own decode, subclassed.<locals>.Other.decode"),
    "processors": (
        lambda llm: setattr(llm, "processors", LogitsProcessorList([TemperatureLogitsWarper(2.0), Forced()])),
        "llm.processors holds Forced.__call__",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("cheat", "expected"), CHEATS.values(), ids=CHEATS.keys())
def test_replacement_is_named(cheat: Callable[[Any], object], expected: str, llm: BaseLLM) -> None:
    """Once, and where its code stands."""
    assert replacements(llm) == []

    cheat(llm)
    (sentence,) = replacements(llm)

    assert expected in sentence
    assert HERE in sentence or "built in" in sentence


@pytest.mark.parametrize(
    ("owner", "name"), [(BaseLLM, "answer"), (GenerationMixin, "generate")], ids=["own", "library"]
)
def test_replacement_on_a_class_is_named(owner: type, name: str, llm: BaseLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it wraps the original and carries its name."""
    original = getattr(owner, name)
    monkeypatch.setattr(owner, name, looked_up)
    (plain,) = replacements(llm)
    monkeypatch.setattr(owner, name, functools.wraps(original)(lambda *args: original(*args) or []))
    (disguised,) = replacements(llm)
    monkeypatch.setattr(owner, name, {}.get)
    (built_in,) = replacements(llm)

    assert f"{name} of class {owner.__name__} is replaced by looked_up" in plain
    assert "<lambda>" in disguised
    assert "which is built in" in built_in


def _plain(llm: BaseLLM) -> None:
    llm.model.gradient_checkpointing_enable()
    llm.model.enable_input_require_grads()


def _adapted(llm: BaseLLM, **options: Any) -> None:  # noqa: ANN401
    from peft import LoraConfig, get_peft_model

    settings: dict[str, Any] = {"target_modules": "all-linear", "task_type": "CAUSAL_LM"} | options
    llm.model = get_peft_model(llm.model, LoraConfig(**settings)).eval()
    llm.answer("What is 1 m in cm?")


def _merged(llm: BaseLLM) -> None:
    _adapted(llm)
    llm.model = llm.model.merge_and_unload()


def _dispatched(llm: BaseLLM) -> None:
    from accelerate import dispatch_model

    llm.model = dispatch_model(llm.model, {"": "cpu"}, main_device="cpu", force_hooks=True)


def _prepared(llm: BaseLLM) -> None:
    from accelerate import Accelerator

    llm.model = Accelerator(mixed_precision="bf16", cpu=True).prepare(llm.model)


def _compiled(llm: BaseLLM) -> None:
    llm.model.forward = torch.compile(llm.model.forward, backend="eager")


def _remembering(llm: BaseLLM) -> None:
    llm.answer = functools.lru_cache(llm.answer)  # type: ignore[method-assign]


HEALTHY: dict[str, Callable[[BaseLLM], None]] = {
    "checkpointing": _plain,
    "LoRA": _adapted,
    "DoRA": lambda llm: _adapted(llm, use_dora=True),
    "saved modules": lambda llm: _adapted(llm, modules_to_save=["lm_head"]),
    "merged": _merged,
    "accelerate's hooks": _dispatched,
    "mixed precision": _prepared,
    "compiled": _compiled,
    "remembered answers": _remembering,
}


@pytest.mark.filterwarnings("ignore")  # of four libraries
@pytest.mark.parametrize("change", HEALTHY.values(), ids=HEALTHY.keys())
def test_what_libraries_do_is_not_named(change: Callable[[BaseLLM], None], llm: BaseLLM) -> None:
    """They wrap forward for good reasons."""
    change(llm)

    assert replacements(llm) == []
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(reset_partial_state=True)


def test_trained_model_is_not_named(tiny_base: Path, tmp_path: Path, llm: BaseLLM) -> None:
    """Trainer leaves wrappers on it."""
    from transformers import Trainer, TrainingArguments

    ids = torch.arange(3, 20)
    arguments = TrainingArguments(str(tmp_path), max_steps=1, bf16=True, use_cpu=True, report_to=[], disable_tqdm=True)
    trainer = Trainer(llm.model, arguments, train_dataset=[{"input_ids": ids, "labels": ids}])
    trainer.train()

    assert replacements(llm) == []
    llm.model = trainer.model_wrapped
    assert replacements(llm) == []


def timed(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator without functools.wraps."""
    return lambda *args: function(*args) or None


@dataclasses.dataclass
class Program:
    """A program of one's own, which decorates and borrows in its source."""

    model: Any = None
    tokenizer: Any = None
    parse = staticmethod(support.tiny_tokenizer)
    generate: Any = looked_up

    @timed
    def answer(self, *_: str) -> list[float]:
        """Nothing of interest."""
        return []


def test_program_of_ones_own_is_not_named() -> None:
    """Decorators, borrowed functions and what dataclasses write are in its source; anything at all may be asked."""
    assert replacements(Program()) == []
    assert replacements(SimpleNamespace(answer=looked_up, model=None)) == []
    assert replacements(None) == []


def test_function_made_elsewhere_in_the_same_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not the one in the class."""

    def other(*_: str) -> list[float]:
        return []

    class Undecorated:
        """Answers."""

        def answer(self, *_: str) -> list[float]:
            """A local name is no method."""
            answer: list[float] = []
            return answer

    assert replacements(Undecorated()) == []
    monkeypatch.setattr(Undecorated, "answer", other)
    (sentence,) = replacements(Undecorated())

    assert "answer of class Undecorated is replaced by" in sentence


def test_function_of_a_class_without_source_is_named() -> None:
    """A class that was put together while the program ran."""
    made = types.new_class("Made", (), {}, lambda names: names.update(answer=looked_up, __module__=__name__))
    (sentence,) = replacements(made())

    assert "answer of class Made is replaced by looked_up" in sentence


def test_unfilled_cells_and_callable_objects_are_looked_into(llm: BaseLLM) -> None:
    """A function that closes over something not yet there; an object whose class can be called."""

    class Table:
        """A table that is called."""

        def __call__(self, *_: str) -> list[float]:
            """Look up."""
            return [1.0]

    def closing(*_: str) -> object:
        return later

    llm.answer = Table()  # type: ignore[method-assign]
    llm.generate = closing  # type: ignore[method-assign,assignment]
    first, second = replacements(llm)
    later = 1

    assert "Table.__call__" in first
    assert "closing" in second
