"""What contradicts itself in an adapter folder: a second reading, for the fuzzer to decide by what must be found.

It shares nothing with the checks it is the yardstick of. Files are read by safetensors' own reader, whole and in memory;
what LoRA's configuration promises is held against the tensors in the plainest way. It judges LoRA; of other methods it
knows the file, the values and the type. What it does not call a contradiction may be one all the same: then finding it
is welcome and not demanded.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from peft import PeftType, TaskType
from safetensors import SafetensorError, deserialize

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
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

    found = deserialize(content)
    json.loads(content[8 : 8 + length], object_pairs_hook=once)
    return {name: Tensor(one["dtype"], tuple(one["shape"]), bytes(one["data"])) for name, one in found}


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
        wrong = list(_in_fields(config))
        yield from wrong
        if not wrong:
            yield from _in_lora(config, tensors)
    elif any("lora_A.weight" in name for name in tensors):
        yield f"{method} with LoRA's tensors"


def _in_fields(config: Mapping[str, Any]) -> Iterator[str]:
    """Fields of a type or value that PEFT cannot use."""
    alpha = config.get("lora_alpha", 8)
    rank = config.get("r", 8)
    layers = config.get("layers_to_transform")
    if type(rank) is not int or rank <= 0:
        yield f"rank {rank!r:.50}"
    if not isinstance(alpha, int | float) or not (-1e300 < alpha < 1e300):
        yield f"alpha {alpha!r:.50}"
    for name in ("rank_pattern", "alpha_pattern"):
        if not isinstance(config.get(name) or {}, dict):
            yield name
    for name in ("target_modules", "modules_to_save", "exclude_modules", "target_parameters"):
        value = config.get(name)
        is_list = isinstance(value, list) and all(isinstance(one, str) for one in value)
        if not (value is None or is_list or (isinstance(value, str) and name in {"target_modules", "exclude_modules"})):
            yield name
    if not (layers is None or type(layers) is int or (isinstance(layers, list) and {int} >= set(map(type, layers)))):
        yield "layers_to_transform"
    if config.get("bias", "none") not in ("none", "all", "lora_only"):
        yield "bias"
    if config.get("task_type") is not None and config["task_type"] not in list(TaskType):
        yield "task_type"
    target = config.get("target_modules")
    if isinstance(target, str):
        try:
            re.compile(target)
        except re.error:
            yield "target_modules is no regular expression"


def _in_lora(config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Iterator[str]:
    modules: dict[str, dict[str, Tensor]] = defaultdict(dict)
    for name, tensor in tensors.items():
        if match := KEY.fullmatch(name):
            modules[match["module"]][match["part"].replace("embedding_", "").removesuffix(".weight")] = tensor
        if not name.startswith(PREFIX) or name.startswith(PREFIX * 2) or (not match and "lora_" in name):
            yield f"{name} is nobody's key"
    for module, parts in modules.items():
        yield from _in_module(config, module, parts)
    second = [part for parts in modules.values() for name, part in parts.items() if name == "lora_B"]
    first = [parts["lora_A"] for parts in modules.values() if "lora_A" in parts]
    begun = config.get("init_lora_weights", True)
    plain = all(KEY.fullmatch(name) is None or "embedding" not in name for name in tensors)
    if second and plain and begun in BEGIN_WITH_ZERO and not any(part.values.any() for part in second):
        yield "every lora_B is zero"
    if not first:
        yield "no LoRA"
    yield from _in_targets(config, list(modules))
    yield from _in_saved(config, tensors)
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
    elif _is_parameter(config, module):
        if a.shape[0] % config.get("r", 8) and not config.get("rank_pattern"):
            yield f"{module}: rank {a.shape[0]}"
    elif a.shape[0] != (wanted := _rank(config, module)):
        yield f"{module}: rank {a.shape[0]} instead of {wanted}"
    if bool(config.get("use_dora")) != ("lora_magnitude_vector" in parts):
        yield f"{module}: magnitude"
    if bool(config.get("lora_bias")) != ("lora_B.bias" in parts):
        yield f"{module}: bias of lora_B"
    for name, size in (("lora_magnitude_vector", None), ("lora_B.bias", b.shape[0])):
        if name in parts and (len(parts[name].shape) != 1 or size not in (None, parts[name].shape[0])):
            yield f"{module}: shape of {name}"


def _rank(config: Mapping[str, Any], module: str) -> object:
    for pattern, rank in (config.get("rank_pattern") or {}).items():
        if re.match(rf"(.*\.)?({pattern})$", module):
            return rank
    return config.get("r", 8)


def _is_parameter(config: Mapping[str, Any], module: str) -> bool:
    """Whether it adapts a parameter of its own, not a layer's weight; experts have one after the other in one tensor."""
    parents = [name.rpartition(".")[0] or "experts" for name in config.get("target_parameters") or []]
    return any(f".{module}".removesuffix(".base_layer").endswith(f".{parent}") for parent in parents)


def _names(pattern: object, module: str) -> bool:
    """Whether a list or a regular expression names a module."""
    if isinstance(pattern, str):
        return pattern == "all-linear" or re.fullmatch(pattern, module) is not None
    return isinstance(pattern, list) and any(f".{module}".endswith(f".{name}") for name in set(pattern))


def _in_targets(config: Mapping[str, Any], modules: list[str]) -> Iterator[str]:
    targets, excluded = config.get("target_modules"), config.get("exclude_modules")
    layers = config.get("layers_to_transform")
    chosen = layers if isinstance(layers, list) or layers is None else [layers]
    layer_of = {module: int(match["layer"]) for module in modules if (match := LAYER.fullmatch(module))}
    for module in modules:
        if _is_parameter(config, module):
            continue
        tied = config.get("ensure_weight_tying") and module == "lm_head"
        if targets is not None and not tied and not _names(targets, module):
            yield f"{module} is no target"
        if excluded and _names(excluded, module):
            yield f"{module} is excluded"
        if chosen and layer_of.get(module) not in chosen:
            yield f"{module} is in no chosen layer"
    if isinstance(targets, list):
        for name in set(targets):
            if not any(_names([name], module) for module in modules) and not _names(excluded, name):
                yield f"{name} is a target and not there"
    for layer in set(chosen or []) - set(layer_of.values()):
        yield f"layer {layer} is chosen and not there"
    for parameter in config.get("target_parameters") or []:
        if not any(_is_parameter({"target_parameters": [parameter]}, module) for module in modules):
            yield f"{parameter} is a target and not there"


def _in_saved(config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Iterator[str]:
    classifies = config.get("task_type") in ("SEQ_CLS", "TOKEN_CLS", "QUESTION_ANS")  # PEFT adds names by itself
    for name in config.get("modules_to_save") or []:
        kept = [key for key in tensors if name in key.removeprefix(PREFIX).rpartition(".")[0] and "lora_" not in key]
        if not kept and not classifies:
            yield f"{name} is saved and not there"
    rows = {key: tensor.shape[:1] for key, tensor in tensors.items() if key.endswith("trainable_tokens_delta")}
    tokens = config.get("trainable_token_indices")
    counts = [len(one) for one in tokens.values()] if isinstance(tokens, dict) else [len(tokens)] if tokens else []
    if bool(rows) != bool(counts) or any(shape and shape[0] not in counts for shape in rows.values()):
        yield "trainable tokens"
    plain = [key for key in tensors if key.endswith(".bias") and "lora_" not in key]
    if plain and config.get("bias", "none") == "none" and not config.get("modules_to_save"):
        yield "biases that nobody saves"


def _in_grid(config: Mapping[str, Any], modules: list[str]) -> Iterator[str]:
    """Holes that no architecture explains: a module whose neighbours are there, or a whole layer of many modules."""
    targets = config.get("target_modules")
    if isinstance(targets, list) and any(character.isdigit() for name in targets for character in name):
        return
    if isinstance(targets, str) and targets != "all-linear":
        return
    cells: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for module in modules:
        if match := LAYER.fullmatch(module):
            cells[match["stack"]][match["column"]].add(int(match["layer"]))
    chosen = config.get("layers_to_transform")
    for stack, columns in cells.items():
        seen = set.union(*columns.values())
        if targets == "all-linear" and len(columns) == 1:
            yield f"{stack}: one module of every linear one"
        blocks = {column.rpartition(".")[0] for column in columns}
        if chosen is None and len(blocks) > 1 and (lost := set(range(max(seen))) - seen):
            yield f"{stack}: layers {lost} are not there"
        for column, layers in columns.items():
            block, _, last = column.rpartition(".")
            beside = [other for name, other in columns.items() if name != column and name.rpartition(".")[0] == block]
            for layer in seen - layers:
                shared = last in SHARED and layer > max(layers)
                if any(layer in other for other in beside) and not shared:
                    yield f"{stack}.{layer}.{column} is not there"


