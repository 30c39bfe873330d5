"""What calls of transformers, PEFT and torch mean: a base is loaded, an adapter made, a model trained, asked, saved.

The rules ask here instead of comparing names, so that each way of writing the same act is known in one place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .symbols import (
    Object,
    Part,
    Result,
    Unknown,
    calls_in,
)

if TYPE_CHECKING:
    from .entry_points import Run
    from .symbols import Call, Thing, Value


@dataclass(frozen=True, eq=False)
class Training:
    """One act of training: the call that starts it, what is trained, and the call that made the trainer."""

    call: Call
    fed: Value
    made_by: tuple[Call, ...] = ()


def class_called(call: Call) -> str:
    """The class whose ``from_pretrained`` is called; empty for other calls."""
    parts = call.name.split(".")
    return parts[-2] if parts[-1] == "from_pretrained" and len(parts) > 1 else ""


def loads_base(call: Call) -> bool:
    """A base model is loaded."""
    name = class_called(call)
    return "Model" in name and "Peft" not in name


def loads_adapter(call: Call) -> bool:
    """A trained adapter is put on a model."""
    return "Peft" in class_called(call) or call.last in {"load_adapter", "set_peft_model_state_dict"}


def makes_adapter(call: Call) -> bool:
    """A new adapter is put on a model."""
    return call.last in {
        "get_peft_model",
        "add_adapter",
        "PeftModel",
        "PeftModelForCausalLM",
        "inject_adapter_in_model",
    }


def saves(call: Call) -> bool:
    """A model, or its adapter, is written to disk."""
    return call.last in {"save_pretrained", "save_model", "save_file", "save_state_dict"} or call.name == "torch.save"


def packs(call: Call) -> bool:
    """An archive is opened."""
    return "zipfile" in call.name.lower() or call.last in {"make_archive", "ZipFile"} or call.name.startswith("tarfile")


def is_generation(call: Call) -> bool:
    """A model writes text."""
    return call.name == ".generate"


def is_model_call(call: Call) -> bool:
    """Something that a model, or a pipeline around one, computes: it generates, or is called itself.

    An ``answer`` of something that nobody could follow is a model's as well.
    """
    return call.name in {".generate", ".batched_generate", ".answer"} or (
        call.name == "()" and not is_tokenizer(call.receiver)
    )


def trainings(run: Run) -> list[Training]:
    """Every act of training in a run: ``trainer.train()`` and ``loss.backward()``; found once a run."""
    if "trainings" not in run.kept:
        run.kept["trainings"] = _trainings(run)
    found: list[Training] = run.kept["trainings"]
    return found


def _trainings(run: Run) -> list[Training]:
    found = []
    for call in run.calls:
        if call.last == "train" and call.receiver:
            found += [Training(call, one.argument("model", 0), (one,)) for one in _trainers(call.receiver)]
        elif call.last == "fit" and _trainers(call.receiver):  # lightning's, which takes an object that has the model
            held = [value for choice in call.argument("model", 0) for value in choice.thing.attrs.values()]
            found.append(Training(call, tuple(choice for value in held for choice in value)))
        elif call.last == "backward":
            found.append(Training(call, (*call.receiver, *(choice for value in call.args for choice in value))))
        for of in _handed_train(call):  # asyncio.to_thread(trainer.train), pool.submit(trainer.train)
            found += [Training(call, one.argument("model", 0), (one,)) for one in _trainers(of)]
    return found


def _trainers(value: Value) -> list[Call]:
    return [trainer for choice in value if (trainer := trainer_of(choice.thing))]


def _handed_train(call: Call) -> list[Value]:
    """Whose ``train`` is handed to foreign code, for it to be called there."""
    handed = [choice.thing for value in (*call.args, *call.kwargs.values()) for choice in value]
    return [thing.of for thing in handed if isinstance(thing, Part) and thing.name == "train"]


def trainer_of(thing: Thing) -> Call | None:
    """The call that made a trainer."""
    if isinstance(thing, Object):
        return next((one for choice in thing.base if (one := trainer_of(choice.thing))), None)
    return thing.call if isinstance(thing, Result) and "Trainer" in thing.call.last else None


def is_tokenizer(value: Value) -> bool:
    """Whether something is a tokenizer, as far as it can be known."""
    return any(_is_tokenizer(choice.thing) for choice in value)


def _is_tokenizer(thing: Thing) -> bool:
    if isinstance(thing, Result):
        return "Tokenizer" in class_called(thing.call)
    name = thing.name if isinstance(thing, Unknown) or (isinstance(thing, Part) and thing.kind == "attribute") else ""
    return name.rpartition(".")[2] in {"tokenizer", "tok", "processing_class", "tokeniser"}


def tokenizes(call: Call) -> bool:
    """Text becomes tokens."""
    return is_tokenizer(call.receiver) and call.last in {
        "()",
        "encode",
        "encode_plus",
        "batch_encode_plus",
        "tokenize",
        "__call__",
    }


def reads_file(call: Call) -> bool:
    """Content of a file, a data set or the network is read."""
    return (
        call.last
        in {
            *(
                "open",
                "read_text",
                "read_bytes",
                "load_dataset",
                "read_csv",
                "read_json",
                "read_parquet",
                "read_pickle",
            ),
            *("urlopen", "loads", "load_from_disk", "from_json", "connect", "reader", "DictReader", "get_data"),
        }
        or call.name.split(".")[0] in {"requests", "httpx", "openai", "litellm", "subprocess"}
        or (
            call.last == "load"
            and call.name.split(".")[0]
            in {"json", "pickle", "yaml", "joblib", "numpy", "np", "torch", "toml", "tomllib"}
        )
    )


def in_trainings(run: Run, wanted: Call) -> bool:
    """Whether the result of a call is trained in this run."""
    if "trained" not in run.kept:
        fed = tuple(choice for act in trainings(run) for choice in act.fed)
        run.kept["trained"] = {id(call) for call in calls_in(fed)}
    return id(wanted) in run.kept["trained"]
