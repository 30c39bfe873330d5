"""Which functions of an answering program are not those of its classes.

Notes, not findings: a function may be replaced for good reasons. What libraries do by themselves is told by its
mechanism and left out: a wrapper counts as a library's when every function in it is a library's or the class's own, so
accelerate's hooks, autocast, `torch.compile` and `torch.no_grad` are silent, and a wrapper of one's own around the
original is not. What is decorated in its own source was not replaced.

Not seen: a change in the source itself, and a replacement within the file of the class that calls the original.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import inspect
import linecache
import sys
import sysconfig
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .adapted import unwrapped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType

DEPTH = 8  # wrappers around wrappers: Trainer's autocast, accelerate's hook and its conversion make five
GENERATING = (
    *("generate", "forward", "__call__", "prepare_inputs_for_generation", "_sample", "_beam_search"),
    *("_get_logits_processor", "_get_stopping_criteria", "_wrapped_call_impl", "_call_impl"),
)
CODING = ("decode", "batch_decode", "_decode", "__call__", "encode", "apply_chat_template", "convert_ids_to_tokens")
TURNING_TO_TEXT = ("decode", "batch_decode", "_decode", "generate")  # no reason for a subclass of a library's to differ
ANSWERING = frozenset({"answer", "batched_generate", *GENERATING, *CODING})
LIBRARIES = ("torch", "transformers", "peft", "accelerate", "tokenizers", "trl")


def replacements(llm: Any) -> list[str]:  # noqa: ANN401 - whatever answers
    """Say what has been put in the place of a function of the program, its model or its tokenizer.

    Args:
        llm: Has ``answer``, and perhaps ``model`` and ``tokenizer``.

    Returns:
        A sentence for each replacement, without those that libraries are known to make; never raises.
    """
    said: list[str] = []
    for look in (_of_program, _of_model, _of_tokenizer, _of_generation):
        with contextlib.suppress(Exception):  # somebody's own objects
            said += [sentence for sentence in look(llm) if sentence not in said]
    return said


def _of_program(llm: Any) -> Iterator[str]:  # noqa: ANN401
    yield from _shadowed(llm, "llm")
    names = {name for kind in type(llm).__mro__ for name in vars(kind)}
    yield from _patched(type(llm), sorted(name for name in names if not name.startswith("__")), "llm")


def _of_model(llm: Any) -> Iterator[str]:  # noqa: ANN401
    model = unwrapped(llm.model)
    names = {module: f"llm.model.{name}".rstrip(".") for name, module in model.named_modules()}
    for module, name in names.items():
        yield from _shadowed(module, name)
        for hook in module._forward_hooks.values():  # noqa: SLF001 - torch has no other list of them
            if _is_foreign(hook, type(module)):
                yield f"A forward hook of {name} may change what it computes: {_origin(hook)}."
    for kind in dict.fromkeys(map(type, names)):
        yield from _patched(kind, GENERATING, kind.__name__)


def _of_tokenizer(llm: Any) -> Iterator[str]:  # noqa: ANN401
    yield from _shadowed(llm.tokenizer, "llm.tokenizer")
    yield from _patched(type(llm.tokenizer), CODING, "llm.tokenizer")


def _of_generation(llm: Any) -> Iterator[str]:  # noqa: ANN401
    """Logits processors and stopping criteria that are held ready, other than those of transformers."""
    generation: Any = sys.modules.get("transformers.generation")
    model = getattr(llm, "model", None)
    holders = {"llm": llm, "llm.model": model, "generation_config": getattr(model, "generation_config", None)}
    for holder, owner in holders.items():
        for name, value in getattr(owner, "__dict__", {}).items():
            for one in value if isinstance(value, list | tuple) else [value]:
                kinds = (generation.LogitsProcessor, generation.StoppingCriteria)
                if isinstance(one, kinds) and not _is_library(inspect.getfile(type(one))):
                    yield f"{holder}.{name} holds {_origin(type(one).__call__)}, which steers what is generated."


def _shadowed(owner: Any, name: str) -> Iterator[str]:  # noqa: ANN401
    """Callables of an instance in the place of functions of its class."""
    for attribute, value in list(getattr(owner, "__dict__", {}).items()):
        if not callable(value):
            continue
        original = inspect.getattr_static(type(owner), attribute, None)
        if not (inspect.isroutine(original) or hasattr(original, "__wrapped__")):
            continue
        own = set(_codes(original))
        codes = list(_codes(value))
        if not codes or any(code not in own and not _is_library(code.co_filename) for code in codes):
            yield f"{name}.{attribute} is replaced on the instance by {_origin(value)}."


def _patched(kind: type, attributes: Any, name: str) -> Iterator[str]:  # noqa: ANN401 - names
    """Functions of classes whose code comes from elsewhere."""
    for owner in kind.__mro__:
        for attribute in attributes:
            value = vars(owner).get(attribute)
            if callable(value) and not isinstance(value, type) and _is_foreign(value, owner, attribute):
                yield f"{name}: {attribute} of class {owner.__name__} is replaced by {_origin(value)}."
            elif callable(value) and attribute in TURNING_TO_TEXT and _overrides_library(owner, attribute):
                yield f"{name}: class {owner.__name__} has its own {attribute}, {_origin(value)}."


def _is_foreign(value: Any, kind: type, attribute: str = "") -> bool:  # noqa: ANN401
    """Whether any function in a chain of wrappers is neither a library's nor of the file of the class."""
    home = _file_of(kind)
    codes = list(_codes(value))
    if not codes:
        return attribute in ANSWERING
    own = [code for code in codes if code.co_filename == home]
    if not home or (attribute and not _is_library(home) and _is_written_so(kind, attribute, own)):
        return False
    if attribute and codes[0] in own and not _is_library(home) and all(code.co_name != attribute for code in own):
        return True  # written in the same file, but not in the class
    return any(code not in own and not _is_library(code.co_filename) for code in codes)


def _is_written_so(kind: type, attribute: str, own: list[CodeType]) -> bool:
    """Whether a class says in its source that it takes a function from elsewhere, or that it decorates its own."""
    if any(code.co_name == attribute and _is_decorated(code) for code in own):
        return True
    with contextlib.suppress(OSError, TypeError, SyntaxError):  # no source
        (written,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
        assigned = [node for node in ast.iter_child_nodes(written) if isinstance(node, ast.Assign | ast.AnnAssign)]
        targets = [target for node in assigned for target in getattr(node, "targets", [getattr(node, "target", None)])]
        return attribute in {getattr(target, "id", None) for target in targets}
    return False


def _is_decorated(code: CodeType) -> bool:
    """Whether the source of a function begins with a decorator, which is what its first line then is."""
    return linecache.getline(code.co_filename, code.co_firstlineno).strip().startswith("@")


def _overrides_library(kind: type, attribute: str) -> bool:
    return not _is_library(_file_of(kind)) and any(
        attribute in vars(base) and _is_library(_file_of(base)) for base in kind.__mro__[1:]
    )


def _codes(value: Any, depth: int = DEPTH) -> Iterator[CodeType]:  # noqa: ANN401 - anything that can be called
    """Code of a callable and of every callable in it: wrapped, partial, closed over, or held as an attribute."""
    if depth == 0 or isinstance(value, type) or hasattr(value, "register_forward_hook"):
        return
    if isinstance(value, staticmethod | classmethod | functools.partial):
        value = getattr(value, "func", None) or getattr(value, "__func__", None)
    function = getattr(value, "__func__", value)  # of a bound method
    code = getattr(function, "__code__", None)
    inner = [getattr(function, "__wrapped__", None), *_cells(function)]
    if code is not None:
        yield code
    elif not inspect.isbuiltin(function) and not isinstance(function, functools.partial):
        inner += list(getattr(function, "__dict__", {}).values())
        call = inspect.getattr_static(type(function), "__call__", None)
        inner += [call] if inspect.isfunction(call) else []
    for one in inner:
        if callable(one):
            yield from _codes(one, depth - 1)


def _cells(function: Any) -> Iterator[Any]:  # noqa: ANN401
    """What a function closes over."""
    for cell in getattr(function, "__closure__", None) or ():
        with contextlib.suppress(ValueError):  # not filled yet
            yield cell.cell_contents


def _qualified(value: Any) -> str:  # noqa: ANN401
    return str(getattr(value, "__qualname__", type(value).__qualname__))


def _origin(value: Any) -> str:  # noqa: ANN401
    """Name and file of a callable; of a wrapper, of the first function in it that is no library's."""
    codes = list(_codes(value))
    code = next((code for code in codes if not _is_library(code.co_filename)), codes[0] if codes else None)
    if code is None:
        return f"{_qualified(value)}, which is built in"
    return f"{code.co_qualname} of {code.co_filename}:{code.co_firstlineno}"


def _file_of(kind: type) -> str:
    """Where a class was defined; empty for one of a notebook or of C."""
    return str(getattr(sys.modules.get(kind.__module__), "__file__", None) or "")


@functools.cache
def _roots() -> tuple[str, ...]:
    """Folders of installed code."""
    folders = [sysconfig.get_paths()[name] for name in ("purelib", "platlib", "stdlib")]
    for name in LIBRARIES:
        folders += getattr(sys.modules.get(name), "__path__", [])
    return tuple(f"{Path(folder)}/" for folder in folders)


def _is_library(file: str) -> bool:
    return file.startswith((*_roots(), "<frozen "))
