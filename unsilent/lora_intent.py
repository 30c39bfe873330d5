"""What an adapter's configuration asks for: which modules, in which layers, with which rank and scale.

PEFT's own rules, on names alone, so that neither PEFT nor the base is needed: a text is a regular expression for whole
names, a list holds names or their ends, ``layers_to_transform`` counts the first number in a name, a pattern of ranks
wins over ``r``. A field of a type that PEFT could not use is a complaint; what it does not read is not looked at.
"""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .name_patterns import PLAIN, ends_of, first_matching, matching

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

LORA_METHODS = ("LORA", "ADALORA")  # whose tensors are called lora_A and lora_B
# Methods of PEFT 0.21 that are known and keep other tensors.
OTHER_METHODS = (
    "PROMPT_TUNING", "MULTITASK_PROMPT_TUNING", "P_TUNING", "PREFIX_TUNING", "ADAMSS", "BOFT", "ADAPTION_PROMPT", "IA3",
    "BEFT", "LILY", "LOHA", "LOKR", "OFT", "POLY", "LN_TUNING", "VERA", "FROD", "PVERA", "FOURIERFT", "GLORA", "XLORA",
    "HRA", "VBLORA", "UNILORA", "CPT", "MISS", "BONE", "RANDLORA", "ROAD", "TRAINABLE_TOKENS", "HIRA", "SHIRA", "C3A",
    "WAVEFT", "OSF", "DELORA", "GRALORA", "CARTRIDGE", "TINYLORA", "PSOFT", "PEANUT", "SHADOW", "SUPERTUNING", "DEFT",
)  # fmt: skip
# Fields that, when set, make PEFT keep further tensors beside lora_A and lora_B.
VARIANTS = ("kasa_config", "monteclora_config", "velora_config", "arrow_config", "use_bdlora", "use_qalora")
# PEFT adds both of these to modules_to_save for classification; a model has one of them.
OF_CLASSIFIERS = ("classifier", "score")
DEFAULT_RANK = 8  # LoraConfig's r and lora_alpha, where the file has none
DEFAULT_INITIAL_RANK = 12  # AdaLoraConfig's init_r
ALL_LINEAR = "all-linear"  # PEFT writes the names that it found instead; a configuration made by hand may not
MOST_SAVED = 1_000  # modules in modules_to_save
MOST_NAMES = 100_000  # in one field; LoRA on every expert of a large model by its full name is 92,000
LONGEST = 100_000  # characters of a name or pattern
MOST_KINDS = 100  # names of lists of layers
LARGEST = 1e100  # that any field may say; Python's own integers have no end
TASKS = ("CAUSAL_LM", "SEQ_CLS", "SEQ_2_SEQ_LM", "TOKEN_CLS", "QUESTION_ANS", "FEATURE_EXTRACTION")
LAYER = re.compile(r"^(?P<stack>(?:.*?\.)?[^.]*)\.(?P<index>\d+)\.(?P<rest>.+)$")  # the first number counts


def _is_count(value: object) -> bool:
    return type(value) is int and 0 < value <= LARGEST


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST


def _are_texts(value: object, most: int = MOST_NAMES) -> bool:
    return isinstance(value, list) and len(value) <= most and all(map(_is_text, value))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST


def _is_table_of(holds: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, dict) and len(value) <= MOST_NAMES and all(map(holds, value.values()))


def _are_layers(value: object) -> bool:
    return type(value) is int or (isinstance(value, list) and all(type(one) is int for one in value))


def _are_tokens(value: object) -> bool:
    lists = list(value.values()) if isinstance(value, dict) else [value]
    return all(isinstance(one, list) and all(type(index) is int for index in one) for one in lists)


# What PEFT can use, in words; None stands for the default everywhere but where the word says "must".
FIELDS: Mapping[str, tuple[str, Callable[[object], bool]]] = {
    "r": ("must be a whole number above 0", _is_count),
    "init_r": ("must be a whole number above 0", _is_count),
    "lora_alpha": ("must be a number", _is_number),
    "target_modules": ("names or one pattern", lambda value: _is_text(value) or _are_texts(value)),
    "exclude_modules": ("names or one pattern", lambda value: _is_text(value) or _are_texts(value)),
    "target_parameters": ("names", _are_texts),
    "modules_to_save": (f"names, at most {MOST_SAVED}", lambda value: _are_texts(value, MOST_SAVED)),
    "layers_to_transform": ("numbers of layers", _are_layers),
    "layers_pattern": (f"names, at most {MOST_KINDS}", lambda value: _is_text(value) or _are_texts(value, MOST_KINDS)),
    "rank_pattern": ("a table of whole numbers above 0", _is_table_of(_is_count)),
    "alpha_pattern": ("a table of numbers", _is_table_of(_is_number)),
    "task_type": ("a task of PEFT's", lambda value: value in TASKS),
    "trainable_token_indices": ("numbers of tokens", _are_tokens),
    "bias": ("must be none, all or lora_only", lambda value: value in ("none", "all", "lora_only")),
    "base_model_name_or_path": ("a name", lambda value: isinstance(value, str)),
    "revision": ("a name", lambda value: isinstance(value, str)),
}


@dataclass(frozen=True)
class Intent:
    """A configuration, with PEFT's defaults where it says nothing, and what PEFT could not use of it."""

    method: str = ""
    complaints: tuple[str, ...] = ()
    rank: int = DEFAULT_RANK
    alpha: float = DEFAULT_RANK
    ranks: Mapping[str, int] = field(default_factory=dict)
    alphas: Mapping[str, float] = field(default_factory=dict)
    targets: tuple[str, ...] | str | None = None
    excluded: tuple[str, ...] | str = ()
    layers: frozenset[int] | None = None
    layer_names: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    saved: tuple[str, ...] = ()
    dora: bool = False
    rslora: bool = False
    lora_bias: bool = False
    bias: str = "none"
    tokens: bool = False
    tied: bool = False
    variant: bool = False
    initial: object = True

    @property
    def is_lora(self) -> bool:
        """Whether its tensors are LoRA's."""
        return self.method in LORA_METHODS

    def asks_for(self, modules: Collection[str]) -> frozenset[str]:
        """Which of the modules would get an adapter, going by their names.

        Raises:
            PatternUnusable: A pattern in the configuration cannot be used.
        """
        left = frozenset(modules) - self.excludes(modules)
        owners = {name: name.partition(".base_layer.")[0] for name in left if not name.endswith(".base_layer")}
        named = self._by_name(frozenset(owners.values()))  # torch's own attention holds a wrapper within its wrapper
        by_name = frozenset(name for name, owner in owners.items() if owner in named)
        return by_name | frozenset(name for name in left if self._holds_parameter(name))

    def excludes(self, modules: Collection[str]) -> frozenset[str]:
        """Which of the modules are left out although a target names them."""
        if isinstance(self.excluded, str):
            out = matching(self.excluded, modules)
        else:
            ends = frozenset(self.excluded)
            out = frozenset(name for name in modules if not ends.isdisjoint(ends_of(name)))
        return out | frozenset(name for name in modules if any(f".{whole}." in f".{name}." for whole in self.saved))

    def is_saved(self, module: str) -> bool:
        """Whether a module, or one that it is part of, is trained and saved whole.

        PEFT compares ends of names without regard to dots: ``norm`` stands for ``input_layernorm``, too.
        """
        parts = module.split(".")
        above = [".".join(parts[: place + 1]) for place in range(len(parts))]
        return any(name.endswith(self.saved) for name in above)

    def asked_by_name(self, modules: Collection[str]) -> frozenset[str]:
        """Which of the modules ``target_modules`` name, rather than ``target_parameters`` a parameter of theirs.

        Raises:
            PatternUnusable: A pattern in the configuration cannot be used.
        """
        return self._by_name(frozenset(modules))

    @cached_property
    def _owners(self) -> frozenset[str]:
        return frozenset(name.rpartition(".")[0] for name in self.parameters)

    def _by_name(self, modules: frozenset[str]) -> frozenset[str]:
        if self.targets is None:  # PEFT's own choice for the architecture, where it is not parameters alone
            return frozenset() if self.parameters else modules
        if isinstance(self.targets, str):
            return modules if self.targets == ALL_LINEAR else matching(self.targets, modules)
        whole = frozenset(self.targets)
        ends = frozenset(name for name in modules - whole if not whole.isdisjoint(ends_of(name)))
        return (modules & whole) | frozenset(name for name in ends if self._in_layers(name))

    def _in_layers(self, module: str) -> bool:
        if not self.layers:
            return True
        if not all(PLAIN.fullmatch(name) for name in self.layer_names):
            return True  # a pattern of their names, which is not followed
        found = [re.search(rf"(?:^|\.){re.escape(name)}\.(\d+)\.", module) for name in self.layer_names]
        match = next((one for one in found if one), None) if found else LAYER.match(module)
        return match is not None and int(match["index"] if not found else match[1]) in self.layers

    def _holds_parameter(self, module: str) -> bool:
        """Whether LoRA may stand on a parameter of this module (``mlp.experts.gate_up_proj``), or around one that has.

        transformers may have renamed a parameter by itself, and left a name without its module.
        """
        while module.endswith(".base_layer"):
            module = module.removesuffix(".base_layer")
        return "" in self._owners or not self._owners.isdisjoint(ends_of(module))

    def rank_of(self, modules: Collection[str]) -> dict[str, int]:
        """The rank of each module.

        Raises:
            PatternUnusable: A pattern in the configuration cannot be used.
        """
        return {name: int(rank) for name, rank in _first_match(self.ranks, modules, self.rank).items()}

    def scale_of(self, modules: Collection[str], ranks: Mapping[str, int]) -> dict[str, float]:
        """What each module's update is multiplied by: alpha over the rank, or its root."""
        alphas = _first_match(self.alphas, modules, self.alpha)
        return {name: alphas[name] / (math.sqrt(ranks[name]) if self.rslora else ranks[name]) for name in modules}


def _first_match(patterns: Mapping[str, Any], modules: Collection[str], default: Any) -> dict[str, Any]:  # noqa: ANN401 - numbers
    found = first_matching(patterns, modules)
    return {name: patterns[found[name]] if name in found else default for name in modules}


def read_intent(config: Mapping[str, Any]) -> Intent:
    """Read a configuration as PEFT would; never raises."""
    complaints = []
    usable = dict(config)
    if config.get("peft_type") == "ADALORA":
        usable["rank_pattern"] = {}  # which of the ranks were kept, another kind of table
    for name, (words, fits) in FIELDS.items():
        value = usable.get(name)
        if name in usable and not fits(value) and not (value is None and not words.startswith("must")):
            complaints.append(f"{name} is {value!r:.60}: {words}")
            usable.pop(name)
    method = usable.get("peft_type")
    if not isinstance(method, str) or not method:
        complaints.append(f"peft_type is {method!r:.60}: must name a method")
        method = ""
    known = (*LORA_METHODS, *OTHER_METHODS)
    if method not in known and (near := difflib.get_close_matches(method, known, n=1, cutoff=0.8)):
        complaints.append(f"peft_type is {method!r:.60}: no method, {near[0]} nearly")
        method = ""
    adalora = method == "ADALORA"
    layers = usable.get("layers_to_transform")
    if layers is not None and isinstance(usable.get("target_modules"), str):
        complaints.append("layers_to_transform stands beside target_modules as one pattern, which PEFT refuses")
    return Intent(
        method=method,
        complaints=tuple(complaints) if method in LORA_METHODS or not method else (),
        rank=usable.get("init_r", DEFAULT_INITIAL_RANK) if adalora else usable.get("r", DEFAULT_RANK),
        alpha=usable.get("lora_alpha", DEFAULT_RANK),
        ranks=usable.get("rank_pattern") or {},
        alphas=usable.get("alpha_pattern") or {},
        targets=_one_or_several(usable.get("target_modules")),
        excluded=_one_or_several(usable.get("exclude_modules")) or (),
        layers=None if layers is None else frozenset(layers if isinstance(layers, list) else [layers]),
        layer_names=tuple(name for name in _several(usable.get("layers_pattern")) if name),
        parameters=_several(usable.get("target_parameters")),
        saved=_several(usable.get("modules_to_save")),
        dora=bool(usable.get("use_dora")),
        rslora=bool(usable.get("use_rslora")),
        lora_bias=bool(usable.get("lora_bias")),
        bias=usable.get("bias", "none"),
        tokens=bool(usable.get("trainable_token_indices")),
        tied=bool(usable.get("ensure_weight_tying")),
        variant=any(usable.get(name) for name in VARIANTS),
        initial=usable.get("init_lora_weights", True),
    )


def _one_or_several(value: str | list[str] | None) -> tuple[str, ...] | str | None:
    return tuple(dict.fromkeys(value)) if isinstance(value, list) else value


def _several(value: str | list[str] | None) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())
