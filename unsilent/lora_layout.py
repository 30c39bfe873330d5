"""The tensors of a LoRA adapter in their places: module by module, what is there, what is strange, what lacks.

Names on disk are PEFT's: ``base_model.model.``, the module in the base, ``lora_A.weight``. PEFT drops a name that it
does not know with a warning, and leaves a tensor that is not there as it was created.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .lora_intent import LAYER
from .name_patterns import ends_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .lora_intent import Intent
    from .tensor_files import Tensor

PREFIX = "base_model.model."
# What torch.compile, FSDP, checkpointing and PEFT put into the names of a model that is not unwrapped before saving.
WRAPPERS = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "modules_to_save", "original_module")
DIGITS = 4  # of a layer's number; the deepest models have some hundred layers
PART = re.compile(r"(?P<module>.+?)\.(?P<part>lora_[A-Za-z]\w*)(?P<rest>\..+)?")
# Each part, and what may follow it in a name; older releases wrote the magnitude with .weight behind.
PARTS: Mapping[str, tuple[str, ...]] = {
    "lora_A": (".weight", ".bias"),
    "lora_B": (".weight", ".bias"),
    "lora_embedding_A": ("",),
    "lora_embedding_B": ("",),
    "lora_magnitude_vector": ("", ".weight"),
}
ADALORA_PARTS: Mapping[str, tuple[str, ...]] = {"lora_A": ("",), "lora_B": ("",), "lora_E": ("",), "ranknum": ("",)}
# What PEFT saves beside the adapter when the vocabulary was resized or an embedding is trained, in usual models.
EMBEDDINGS = ("embed_tokens", "lm_head", "wte", "embed_in", "embed_out", "word_embeddings", "shared", "output",
              "tok_embeddings")  # fmt: skip


# Modules of one block that read the same input, in models that have these names.
SAME_INPUT = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"))
BLOCKS = ("self_attn", "mlp")


@dataclass(frozen=True)
class Module:
    """One module's share of the adapter."""

    path: str
    parts: Mapping[str, Tensor]

    @property
    def lora_a(self) -> Tensor | None:
        """The factor that the input meets first."""
        return self.parts.get("lora_A.weight") or self.parts.get("lora_embedding_A") or self.parts.get("lora_A")

    @property
    def lora_b(self) -> Tensor | None:
        """The factor that begins as zero (of an embedding, the other does)."""
        return self.parts.get("lora_B.weight") or self.parts.get("lora_embedding_B") or self.parts.get("lora_B")


@dataclass
class Layout:
    """What was found under the names of an adapter.

    Attributes:
        modules: By their path in the base.
        saved: Tensors that are no adapter's but belong: modules saved whole, embeddings, biases.
        strange: Names that PEFT would drop, with why.
        lacking: Parts that belong to a module which has others, by the name they would have.
        misshapen: Tensors whose shape cannot be right, with why.
        named: Of the modules those that ``target_modules`` name; others have it on a parameter.
    """

    modules: dict[str, Module] = field(default_factory=dict)
    saved: dict[str, Tensor] = field(default_factory=dict)
    strange: dict[str, str] = field(default_factory=dict)
    lacking: list[str] = field(default_factory=list)
    misshapen: dict[str, str] = field(default_factory=dict)
    named: frozenset[str] = frozenset()
    ranks: dict[str, int] = field(default_factory=dict)
    scales: dict[str, float] = field(default_factory=dict)


def lay_out(tensors: Mapping[str, Tensor], intent: Intent) -> Layout:
    """Sort tensors by module and hold them against the configuration.

    Raises:
        PatternUnusable: A pattern in the configuration cannot be used.
    """
    layout = Layout()
    parts: dict[str, dict[str, Tensor]] = {}
    known = ADALORA_PARTS if intent.method == "ADALORA" else PARTS
    for name, tensor in tensors.items():
        match = PART.fullmatch(name)
        if problem := _wrong_place(name):
            layout.strange[name] = problem
        elif match and (match["rest"] or "") in known.get(match["part"], ()):
            parts.setdefault(match["module"].removeprefix(PREFIX), {})[match["part"] + (match["rest"] or "")] = tensor
        elif match and (match["part"] in known or not intent.variant):
            layout.strange[name] = f"{match['part']}{match['rest'] or ''} is no part of {intent.method}"
        elif match or _belongs(name.removeprefix(PREFIX), intent):
            layout.saved[name] = tensor
        else:
            layout.strange[name] = "neither the adapter's nor a module that is saved whole"
    asked = intent.asks_for(parts)
    tied = intent.tied and any(map(_is_embedding, asked))
    for path, own in parts.items():
        outer, _, leaf = path.rpartition(".")
        if outer in parts and leaf != "base_layer":
            why = f"inside {outer}, which has an adapter itself, and whatever it wraps is its base_layer"
            layout.strange |= dict.fromkeys((one.name for one in own.values()), why)
        elif path in asked or (tied and _is_embedding(path)):
            layout.modules[path] = Module(path, own)
        else:
            layout.strange |= dict.fromkeys((one.name for one in own.values()), "the configuration does not ask for it")
    layout.ranks = intent.rank_of(layout.modules)
    layout.scales = intent.scale_of(layout.modules, layout.ranks)
    layout.named = intent.asked_by_name(layout.modules)
    for module in layout.modules.values():
        layout.strange |= _unasked_parts(module, intent)
        layout.lacking += _lacking_parts(module, intent)
        layout.misshapen |= dict(_misshapen(module, intent, layout))
    layout.misshapen |= dict(_unlike_siblings(layout))
    return layout


def _wrong_place(name: str) -> str:
    """Why PEFT finds no module for this name, whatever the base is; empty where it may."""
    if not name.startswith(PREFIX):
        return f"without the prefix {PREFIX}"
    if name.startswith(2 * PREFIX):
        return f"with the prefix {PREFIX} twice"
    module = name.removeprefix(PREFIX)
    if wrapper := next((one for one in WRAPPERS if f".{one}." in f".{module}."), ""):
        return f"with {wrapper} in it, which is left of a wrapper around the model"
    if module.startswith("module."):
        return "with module. in it, which is left of a wrapper around the model"
    match = LAYER.match(module)
    return f"layer {match['index'][:20]}, which no model has" if match and len(match["index"]) > DIGITS else ""


def _belongs(name: str, intent: Intent) -> bool:
    """Whether a tensor without a part of LoRA in its name may be saved with such an adapter."""
    module, _, leaf = name.rpartition(".")
    bare = module.removesuffix(".base_layer")
    if leaf == "bias" and intent.bias != "none":
        return True
    if leaf == "trainable_tokens_delta":
        return intent.tokens
    return intent.is_saved(module) or (leaf == "weight" and _is_embedding(bare))


def _is_embedding(module: str) -> bool:
    return any(ends_in(module, end) for end in EMBEDDINGS)


def _unasked_parts(module: Module, intent: Intent) -> Iterator[tuple[str, str]]:
    """Parts that only another configuration would have made."""
    for part, tensor in module.parts.items():
        if part.startswith("lora_magnitude_vector") and not intent.dora:
            yield tensor.name, "use_dora is not set"
        if part.endswith(".bias") and not intent.lora_bias:
            yield tensor.name, "lora_bias is not set"


def _lacking_parts(module: Module, intent: Intent) -> Iterator[str]:
    parts = module.parts
    if intent.method == "ADALORA":
        wanted = ["lora_A", "lora_B", "lora_E"]
    elif any(part.startswith("lora_embedding") for part in parts):
        wanted = ["lora_embedding_A", "lora_embedding_B"]
    else:
        wanted = ["lora_A.weight", "lora_B.weight", *(["lora_B.bias"] if intent.lora_bias else [])]
    magnitude = "lora_magnitude_vector"
    if intent.dora and not any(part.startswith(magnitude) for part in parts):
        wanted.append(magnitude)
    yield from (f"{PREFIX}{module.path}.{part}" for part in wanted if part not in parts)


def _misshapen(module: Module, intent: Intent, layout: Layout) -> Iterator[tuple[str, str]]:
    """Shapes that contradict each other, or the rank of the configuration."""
    first, second = module.lora_a, module.lora_b
    for tensor, axis, name in ((first, 0, "rows"), (second, 1, "columns")):
        if tensor is None or not tensor.size:
            continue
        if len(tensor.shape) < 2:  # noqa: PLR2004 - a matrix
            yield tensor.name, f"{list(tensor.shape)}, where a matrix was expected"
        elif problem := _wrong_rank(tensor.shape[axis], module, intent, layout):
            yield tensor.name, f"{list(tensor.shape)}: {tensor.shape[axis]} {name}, {problem}"
    if first is None or second is None or min(len(first.shape), len(second.shape)) < 2:  # noqa: PLR2004
        return
    groups = len(first.shape) > 2 and first.shape[0] % max(second.shape[1], 1) == 0  # noqa: PLR2004 - of a convolution
    if (first.shape[0] != second.shape[1] and not groups) or len(first.shape) != len(second.shape):
        yield second.name, f"{list(second.shape)} does not fit {list(first.shape)} of the other factor"
    out = second.shape[0]
    for part, tensor in module.parts.items():
        matrix = len(first.shape) == 2 or part == "lora_B.bias"  # noqa: PLR2004 - no convolution
        row = (out,) if matrix else (1, out, *[1] * (len(first.shape) - 2))
        is_row = part.startswith("lora_magnitude_vector") or part == "lora_B.bias"
        if is_row and tensor.size and tensor.shape != row:
            yield tensor.name, f"{list(tensor.shape)}, where {out} values were expected"
        if part == "lora_E" and tensor.size and tensor.shape != (first.shape[0], 1):
            yield tensor.name, f"{list(tensor.shape)}, where {[first.shape[0], 1]} was expected"


def _unlike_siblings(layout: Layout) -> Iterator[tuple[str, str]]:
    """Modules that read the same input and do not agree how wide it is."""
    for path, module in layout.modules.items():
        block, _, leaf = path.rpartition(".")
        first = next((names[0] for names in SAME_INPUT if leaf in names), leaf)
        sibling = layout.modules.get(f"{block}.{first}")
        if block.rpartition(".")[2] not in BLOCKS or not sibling or not sibling.lora_a or not module.lora_a:
            continue
        if {sibling.lora_a.name, module.lora_a.name} & layout.misshapen.keys():
            continue
        if sibling.lora_a.shape[1:] != module.lora_a.shape[1:]:
            wide, other = list(module.lora_a.shape), list(sibling.lora_a.shape)
            yield module.lora_a.name, f"{wide}, where {first} beside it reads the same input with {other}"


def _wrong_rank(found: int, module: Module, intent: Intent, layout: Layout) -> str:
    """Why this number of rows cannot be; empty where it can. Of experts' parameters PEFT stacks the rows."""
    rank = layout.ranks[module.path]
    if intent.method == "ADALORA" or intent.variant:
        return ""  # AdaLoRA drops ranks while it trains
    if intent.parameters and (module.path.endswith(".base_layer") or module.path not in layout.named):
        ranks = {intent.rank, *intent.ranks.values()}
        return "" if any(found % one == 0 for one in ranks) else f"no multiple of r = {intent.rank}"
    first = module.lora_a
    if first is not None and len(first.shape) > 2 and rank % max(found, 1) == 0:  # noqa: PLR2004 - a matrix
        return ""  # a convolution in groups
    return "" if found == rank else f"where the configuration says r = {rank}"
