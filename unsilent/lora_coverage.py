"""Which modules an adapter covers, layer by layer, and which it lost.

What was meant is read from the configuration, what is there from the names on disk. LoRA on one layer by intent is
healthy; the same file with a configuration that names every projection is not. Without the base only the adapter's own
pattern can be held against itself: a model may have attention in every fourth layer only, so a hole that repeats, or
is larger than what is there, is left to ``--base``.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .lora_intent import ALL_LINEAR, LAYER, OF_CLASSIFIERS
from .lora_layout import PREFIX
from .name_patterns import ends_in

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from .lora_intent import Intent
    from .lora_layout import Layout

# Linear layers that stand together in one architecture of transformers; a name beside others of its row is in the
# model, a name of another row need not be: lists made for many models at once are usual.
FAMILIES: tuple[frozenset[str], ...] = tuple(
    frozenset(names.split())
    for names in (
        "q_proj k_proj v_proj o_proj gate_proj up_proj down_proj",  # Llama, Mistral, Qwen, Gemma
        "qkv_proj o_proj gate_up_proj down_proj",  # Phi-3
        "q_proj k_proj v_proj dense fc1 fc2",  # Phi
        "q_proj k_proj v_proj out_proj fc1 fc2",  # OPT, BART, Whisper, CLIP
        "q_proj k_proj v_proj out_proj fc_in fc_out",  # GPT-J
        "c_attn c_proj c_fc",  # GPT-2
        "query_key_value dense dense_h_to_4h dense_4h_to_h",  # Falcon, BLOOM, GPT-NeoX
        "query key value dense",  # BERT, ViT
        "q k v o wi wo",  # T5
        "q k v o wi_0 wi_1 wo",  # T5 1.1
        "Wqkv out_proj fc1 fc2",  # MPT, ModernBERT
        "wq wk wv wo w1 w2 w3",  # Llama's own names
    )
)
# Blocks that every layer of an ordinary decoder has; others (mamba, linear_attn, shared_experts) come and go.
IN_EVERY_LAYER = frozenset({"self_attn", "attn", "attention", "self_attention", "SelfAttention", "mlp", "feed_forward"})
MOST_ABSENT = 0.5  # of the layers: beyond it the adapter's own pattern says nothing
REPEATS = 3  # holes at equal distances that are a pattern, not a loss
NAMED = 20  # modules named in the evidence


@dataclass(frozen=True)
class Coverage:
    """Which modules have an adapter.

    Attributes:
        rows: Module within its layer, with the layers that have it; one row for what stands outside of layers.
        layers: Number of layers, by the highest that occurs.
        lost: Modules that were meant and are not there.
        undecided: Names of which only the base could say whether they should be there.
    """

    rows: Mapping[str, frozenset[int]]
    layers: int
    lost: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()

    def as_grid(self) -> list[str]:
        """The rows as text: ``#`` for a layer that has the module, ``.`` for one that has not."""
        width = max(map(len, self.rows), default=0)
        return [
            f"{name:<{width}}  {''.join('#' if one in has else '.' for one in range(self.layers)) if has else '#'}"
            for name, has in self.rows.items()
        ]


@dataclass
class _Stack:
    """The modules of one run of layers (``model.layers``), by their name within a layer."""

    present: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))

    @property
    def indices(self) -> set[int]:
        return set().union(*self.present.values())


def cover(layout: Layout, intent: Intent) -> Coverage:
    """Find what is covered and what was lost.

    Raises:
        PatternUnusable: A pattern in the configuration cannot be used.
    """
    stacks: dict[str, _Stack] = defaultdict(_Stack)
    rows: dict[str, set[int]] = defaultdict(set)
    for path in layout.modules:
        match = LAYER.match(path)
        if match:
            stacks[match["stack"]].present[match["rest"]].add(int(match["index"]))
            rows[_without_numbers(match["rest"])].add(int(match["index"]))
        else:
            rows[path] = set()
    lost, undecided = _lost_names(layout.modules, intent)
    holes = [path for name, stack in stacks.items() for path in _holes(name, stack, intent)]
    lost += sorted(intent.asks_for(holes))
    lost += _lost_layers(stacks.values(), intent) + _lost_saved(layout.saved, intent)
    lost += _lost_parameters(layout.modules, intent)
    layers = max((max(stack.indices) + 1 for stack in stacks.values()), default=0)
    return Coverage({name: frozenset(has) for name, has in rows.items()}, layers, tuple(lost), tuple(undecided))


def _without_numbers(name: str) -> str:
    return ".".join("*" if part.isdigit() else part for part in name.split("."))


def _lost_names(modules: Collection[str], intent: Intent) -> tuple[list[str], list[str]]:
    """Targets that no module on disk answers to: surely lost, or possibly never in the model."""
    if isinstance(intent.targets, str) and intent.targets != ALL_LINEAR:
        return [], []
    leaves = {path.rpartition(".")[2] for path in modules if intent.asks_by_name(path)}
    consistent = [family for family in FAMILIES if leaves & family and leaves - _OUTSIDE <= family]
    together = frozenset.intersection(*consistent) if consistent else frozenset()
    alone = sorted(together) if len(leaves - _OUTSIDE) == 1 else []  # a model of experts may have attention alone
    wanted = alone if intent.targets == ALL_LINEAR else sorted(intent.targets or ())
    unmet = [name for name in wanted if not any(ends_in(path, name) for path in modules)]
    unmet = [name for name in unmet if not intent.excludes({name, *_places(name, modules)})]
    certain = [name for name in unmet if LAYER.match(name) or name.rpartition(".")[2] in together]
    return certain, [name for name in unmet if name not in certain]


_OUTSIDE = frozenset({"lm_head", "embed_tokens", "wte", "score", "classifier"})


def _places(name: str, modules: Collection[str]) -> set[str]:
    """Where a module of this name might stand, beside those that are there."""
    return {f"{path.rpartition('.')[0]}.{name}" for path in modules}


def _holes(name: str, stack: _Stack, intent: Intent) -> list[str]:
    """Modules that other layers have and one layer lacks, where nothing but a loss explains it."""
    layers = set(range(max(stack.indices) + 1)) if intent.layers is None else stack.indices
    by_leaf: dict[str, set[int]] = defaultdict(set)
    by_block: dict[str, set[int]] = defaultdict(set)
    for rest, has in stack.present.items():
        by_leaf[rest.rpartition(".")[2]] |= has
        by_block[rest.rpartition(".")[0]] |= has
    found = []
    for rest, has in stack.present.items():
        block, _, leaf = rest.rpartition(".")
        lone = by_block[block] - has  # the block is there without it
        gone = layers - by_block[block]  # the whole block is not there
        if block.rpartition(".")[2] not in IN_EVERY_LAYER:
            gone -= stack.indices  # such a block comes and goes
        gone -= by_leaf[leaf]  # the layer has it in another block
        for absent, present in ((lone, has), (gone, by_block[block])):
            if absent and not _is_pattern(absent, present):
                found += [f"{name}.{index}.{rest}" for index in sorted(absent)]
    return found


def _is_pattern(absent: set[int], present: set[int]) -> bool:
    """Whether layers without a module look like the model's own pattern."""
    if len(absent) > MOST_ABSENT * (len(absent) + len(present)):
        return True
    at_an_end = 0 in absent or max(absent) > max(present)
    if len(absent) >= REPEATS and _steps(absent) == {1} and at_an_end:
        return True  # the first or last layers are of another kind
    return any(
        len(group) >= REPEATS and len(_steps(group)) == 1 and _steps(group) != {1} for group in (absent, present)
    )


def _steps(layers: set[int]) -> set[int]:
    return {after - before for before, after in itertools.pairwise(sorted(layers))}


def _lost_layers(stacks: Iterable[_Stack], intent: Intent) -> list[str]:
    """Layers that the configuration names and no module stands in."""
    there = set().union(*(stack.indices for stack in stacks))
    return [f"layer {index}" for index in sorted((intent.layers or set()) - there)] if there else []


def _lost_saved(saved: Collection[str], intent: Intent) -> list[str]:
    """Modules to be saved whole that are not there."""
    there = [name.removeprefix(PREFIX) for name in saved]
    tokens = [] if not intent.tokens or any("trainable_tokens_delta" in one for one in there) else ["trainable tokens"]
    gone = [name for name in intent.saved if not any(f"{name}." in one for one in there)]
    if set(OF_CLASSIFIERS) <= set(intent.saved) and set(gone) != set(OF_CLASSIFIERS):
        gone = [name for name in gone if name not in OF_CLASSIFIERS]
    return [*(f"{name} (saved whole)" for name in gone), *tokens]


def _lost_parameters(modules: Collection[str], intent: Intent) -> list[str]:
    """Parameters named by ``target_parameters`` whose module holds too few of PEFT's wrappers, one for each of them."""
    owners: dict[str, list[str]] = defaultdict(list)
    for name in intent.parameters:
        owners[name.rpartition(".")[0]].append(name)
    lost = []
    for owner, names in owners.items():
        around = [path for path in modules if ends_in(path.replace(".base_layer", ""), owner)]
        wrappers = max((path.count(".base_layer") + 1 for path in around), default=0)
        lost += names[wrappers:] if owner else []
    return lost
