"""What contradicts itself in an adapter folder: a second reading, for the fuzzer to decide by what must be found.

It shares nothing with the checks it is the yardstick of. Files are read by safetensors' own reader, whole; what LoRA's
configuration promises is held against the tensors in the plainest way. It judges LoRA; of other methods it knows the
file, the values and the type. What it does not call a contradiction may be one all the same: then finding it is welcome
and not demanded.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from peft import PeftType, TaskType
from safetensors import SafetensorError, deserialize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
FLOATS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
PREFIX = "base_model.model."
KEY = re.compile(
    r"base_model\.model\.(?P<module>.+?)\."
    r"(?P<part>lora_[AB]\.weight|lora_B\.bias|lora_embedding_[AB]|lora_magnitude_vector(\.weight)?)"
)
LAYER = re.compile(r"(?P<stack>.*?)\.(?P<layer>\d+)\.(?P<column>.+)")
SHARED = {"k_proj", "v_proj", "k", "v", "key", "value"}  # later layers of some models take them from earlier ones
BEGIN_WITH_ZERO = (True, "gaussian", "eva")


class Tensor(NamedTuple):
    """A tensor as its file has it."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes

    @property
    def values(self) -> NDArray[np.float64]:
        """As float64; bf16 is the upper half of a float32."""
        bits = np.frombuffer(self.data, FLOATS[self.dtype])
        return (bits.astype("<u4") << 16).view("<f4").astype("f8") if self.dtype == "BF16" else bits.astype("f8")


def contradictions(folder: Path) -> list[str]:
    """Everything in which a folder with a configuration and one safetensors file contradicts itself, in words."""
    try:
        tensors = read_weights((folder / WEIGHTS).read_bytes())
        config = json.loads((folder / CONFIG).read_bytes().decode("utf-8"))
    except (OSError, ValueError, RecursionError, SafetensorError) as error:
        return [f"unreadable: {type(error).__name__}"]
    if not isinstance(config, dict):
        return ["a configuration that is no object"]
    return [*_in_values(tensors), *_in_promises(config, tensors)]


def read_weights(content: bytes) -> dict[str, Tensor]:
    """Read a safetensors file by its own library, which takes the last of two equal keys; so those are refused here."""
    length = int.from_bytes(content[:8], "little")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("the same key twice")
        return dict(pairs)

    found = deserialize(content)  # type: ignore[no-untyped-call] # in Rust
    json.loads(content[8 : 8 + length], object_pairs_hook=once)
    return {
        name: Tensor(one["dtype"], tuple(one["shape"]), bytes(one["data"]))
        for name, one in sorted(found, key=itemgetter(0))
    }


def _in_values(tensors: Mapping[str, Tensor]) -> Iterator[str]:
    if not tensors:
        yield "no tensor"
    for name, tensor in tensors.items():
        if not tensor.data:
            yield f"{name} is empty"
        with np.errstate(invalid="ignore"):
            if tensor.dtype in FLOATS and not np.isfinite(tensor.values).all():
                yield f"{name} is not finite"


def _in_promises(config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Iterator[str]:
    method = config.get("peft_type")
    if not isinstance(method, str) or method not in list(PeftType):
        yield f"no method {method!r}"
    elif method == "LORA":
        wrong = [name for name, fits in FIELDS.items() if name in config and not fits(config[name])]
        yield from (f"{name} is {config[name]!r:.50}" for name in wrong)
        if not wrong:
            yield from _in_lora(config, tensors)
    elif any("lora_A.weight" in name for name in tensors):
        yield f"{method} with LoRA's tensors"


def _is_names(value: object) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(one, str) for one in value))


def _is_pattern(value: object) -> bool:
    """Whether it is a list of names, or a regular expression."""
    if not isinstance(value, str):
        return _is_names(value)
    try:
        re.compile(value)
    except re.error:
        return False
    return True


def _is_numbers(value: object) -> bool:
    """Whether it names something for patterns of modules; PEFT reads each as a regular expression."""
    return value is None or (isinstance(value, dict) and all(map(_is_pattern, value)))


# Fields of which PEFT can use some types and values only.
FIELDS: Mapping[str, Callable[[Any], bool]] = {
    "r": lambda value: type(value) is int and value > 0,
    "lora_alpha": lambda value: isinstance(value, int | float) and -1e300 < value < 1e300,
    "rank_pattern": _is_numbers,
    "alpha_pattern": _is_numbers,
    "target_modules": _is_pattern,
    "exclude_modules": _is_pattern,
    "modules_to_save": _is_names,
    "target_parameters": _is_names,
    "layers_to_transform": lambda value: (
        value is None or type(value) is int or (isinstance(value, list) and all(type(one) is int for one in value))
    ),
    "trainable_token_indices": lambda value: value is None or isinstance(value, list | dict),
    "bias": lambda value: value in ("none", "all", "lora_only"),
    "task_type": lambda value: value is None or value in list(TaskType),
}


def _in_lora(config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Iterator[str]:
    modules: dict[str, dict[str, Tensor]] = defaultdict(dict)
    for name, tensor in tensors.items():
        if match := KEY.fullmatch(name):
            modules[match["module"]][match["part"].replace("embedding_", "").removesuffix(".weight")] = tensor
        if not name.startswith(PREFIX) or name.startswith(PREFIX * 2) or (not match and "lora_" in name):
            yield f"{name} is nobody's key"
    for module, parts in modules.items():
        yield from _in_module(config, module, parts)
    second = [part for name, part in tensors.items() if name.endswith("lora_B.weight") and part.dtype in FLOATS]
    on_embeddings = any("lora_embedding" in name for name in tensors)
    begun = config.get("init_lora_weights", True) in BEGIN_WITH_ZERO
    if second and begun and not on_embeddings and not any(part.values.any() for part in second):
        yield "every lora_B is zero"
    if not modules:
        yield "no LoRA"
    yield from _in_targets(config, list(modules))
    yield from _in_chosen_layers(config, list(modules))
    yield from _in_saved(config, tensors)
    yield from _in_tokens_and_biases(config, tensors)
    yield from _in_grid(config, list(modules))


def _in_module(config: Mapping[str, Any], module: str, parts: Mapping[str, Tensor]) -> Iterator[str]:
    a, b = parts.get("lora_A"), parts.get("lora_B")
    if a is None or b is None:
        yield f"{module} has only one of A and B"
        return
    if not {a.dtype, b.dtype} <= FLOATS.keys():
        yield f"{module} in whole numbers"
    if len(a.shape) < 2 or len(a.shape) != len(b.shape) or a.shape[0] != b.shape[1]:
        yield f"{module}: A and B do not fit"
    elif not _fits_rank(config, module, a.shape[0]):
        yield f"{module}: rank {a.shape[0]} instead of {_rank(config, module)}"
    if bool(config.get("use_dora")) != ("lora_magnitude_vector" in parts):
        yield f"{module}: magnitude"
    if bool(config.get("lora_bias")) != ("lora_B.bias" in parts):
        yield f"{module}: bias of lora_B"
    for name, size in (("lora_magnitude_vector", None), ("lora_B.bias", b.shape[0])):
        if name in parts and (len(parts[name].shape) != 1 or size not in (None, parts[name].shape[0])):
            yield f"{module}: shape of {name}"


def _fits_rank(config: Mapping[str, Any], module: str, rank: int) -> bool:
    if _is_parameter(config, module):
        return bool(config.get("rank_pattern")) or rank % config.get("r", 8) == 0
    return rank == _rank(config, module)


def _rank(config: Mapping[str, Any], module: str) -> object:
    for pattern, rank in (config.get("rank_pattern") or {}).items():
        if re.match(rf"(.*\.)?({pattern})$", module):
            return rank
    return config.get("r", 8)


def _is_parameter(config: Mapping[str, Any], module: str) -> bool:
    """Whether it adapts a parameter, not a layer's weight; experts' matrices lie one after the other in one tensor."""
    parents = [name.rpartition(".")[0] or "experts" for name in config.get("target_parameters") or []]
    return any(f".{module}".removesuffix(".base_layer").endswith(f".{parent}") for parent in parents)


def _names(pattern: object, module: str) -> bool:
    """Whether a list or a regular expression names a module."""
    if isinstance(pattern, str):
        return pattern == "all-linear" or re.fullmatch(pattern, module) is not None
    return isinstance(pattern, list) and any(f".{module}".endswith(f".{name}") for name in set(pattern))


def _in_targets(config: Mapping[str, Any], modules: list[str]) -> Iterator[str]:
    targets, excluded = config.get("target_modules"), config.get("exclude_modules")
    for module in modules:
        tied = config.get("ensure_weight_tying") and module == "lm_head"
        if _is_parameter(config, module) or tied:
            continue
        if targets is not None and not _names(targets, module):
            yield f"{module} is no target"
        if excluded and _names(excluded, module):
            yield f"{module} is excluded"
    for name in set(targets) if isinstance(targets, list) else ():
        if not any(_names([name], module) for module in modules) and not _names(excluded, name):
            yield f"{name} is a target and not there"
    for name in config.get("target_parameters") or []:
        if not any(_is_parameter({"target_parameters": [name]}, module) for module in modules):
            yield f"{name} is a target and not there"


def _in_chosen_layers(config: Mapping[str, Any], modules: list[str]) -> Iterator[str]:
    layers = config.get("layers_to_transform")
    chosen = set(layers if isinstance(layers, list) else () if layers is None else (layers,))
    layer_of = {module: int(match["layer"]) for module in modules if (match := LAYER.fullmatch(module))}
    for module in modules if chosen else ():
        if layer_of.get(module) not in chosen:
            yield f"{module} is in no chosen layer"
    for layer in chosen - set(layer_of.values()):
        yield f"layer {layer} is chosen and not there"


def _in_saved(config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Iterator[str]:
    classifies = config.get("task_type") in ("SEQ_CLS", "TOKEN_CLS", "QUESTION_ANS")  # PEFT adds names by itself
    for name in config.get("modules_to_save") or []:
        kept = [key for key in tensors if name in key.removeprefix(PREFIX).rpartition(".")[0] and "lora_" not in key]
        if not kept and not classifies:
            yield f"{name} is saved and not there"


def _in_tokens_and_biases(config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Iterator[str]:
    rows = {tensor.shape[0] for key, tensor in tensors.items() if key.endswith("trainable_tokens_delta")}
    tokens = config.get("trainable_token_indices") or []
    counts = (
        {len(one) for one in tokens.values() if isinstance(one, list)}
        if isinstance(tokens, dict)
        else {len(tokens)} - {0}
    )
    if rows != counts:
        yield "trainable tokens"
    plain = [key for key in tensors if key.endswith(".bias") and "lora_" not in key]
    if plain and config.get("bias", "none") == "none" and not config.get("modules_to_save"):
        yield "biases that nobody saves"


def _in_grid(config: Mapping[str, Any], modules: list[str]) -> Iterator[str]:
    """Holes that no architecture explains: a module whose neighbours are there, or a whole layer of many modules."""
    targets = config.get("target_modules")
    by_number = isinstance(targets, list) and any(letter.isdigit() for name in targets for letter in name)
    if by_number or (isinstance(targets, str) and targets != "all-linear"):
        return
    stacks: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for module in modules:
        if match := LAYER.fullmatch(module):
            stacks[match["stack"]][match["column"]].add(int(match["layer"]))
    for stack, columns in stacks.items():
        seen = set.union(*columns.values())
        blocks = {column.rpartition(".")[0] for column in columns}
        if targets == "all-linear" and len(columns) == 1:
            yield f"{stack}: one module of every linear one"
        if config.get("layers_to_transform") is None and len(blocks) > 1 and len(seen) <= max(seen):
            yield f"{stack}: only layers {seen} are there"
        for column in columns:
            yield from (f"{stack}.{layer}.{column} is not there" for layer in _holes(column, columns, seen))


def _holes(column: str, columns: Mapping[str, set[int]], seen: set[int]) -> Iterator[int]:
    """Layers in which a module is missing while one of the same block is there."""
    block, _, last = column.rpartition(".")
    beside = [layers for name, layers in columns.items() if name != column and name.rpartition(".")[0] == block]
    for layer in seen - columns[column]:
        shared = last in SHARED and layer > max(columns[column])
        if any(layer in layers for layers in beside) and not shared:
            yield layer
