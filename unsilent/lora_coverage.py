"""Which modules an adapter covers, layer by layer, and which it lost.

What was meant is read from the configuration, what is there from the names on disk. LoRA on one layer by intent is
healthy; the same file with a configuration that names every projection is not. Without the base only the adapter's own
pattern can be held against itself: a model may have attention in every fourth layer only, so a hole that repeats, or
is larger than what is there, is left to ``--base``.
"""

from __future__ import annotations

import functools
import itertools
import operator
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .lora_intent import LAYER, OF_CLASSIFIERS
from .lora_layout import PREFIX
from .name_patterns import ends_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from .lora_intent import Intent
    from .lora_layout import Layout

# Linear layers that stand together in one architecture of transformers; a name beside others of its row is in the
# model, a name of another row need not be: lists made for many models at once are usual.
HEADS = ("lm_head", "embed_tokens")  # what every decoder with model.layers has
USUAL = (*(f"self_attn.{one}_proj" for one in "qkvo"), "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")
FAMILIES: tuple[frozenset[str], ...] = tuple(
    frozenset(names.split())
    for names in (
        "q_proj k_proj v_proj o_proj gate_proj up_proj down_proj",  # Llama, Mistral, Qwen, Gemma
        "q_proj k_proj v_proj o_proj",  # attention of models whose experts are no linear layers
        "q_proj k_proj v_proj o_proj up_proj down_proj",  # Nemotron, Arcee
        "q_proj k_proj v_proj o_proj gate_up_proj down_proj",  # GLM-4
        "q_proj o_proj gate_proj up_proj down_proj",  # DeepSeek, with latent keys and values
        "o_proj gate_proj up_proj down_proj",  # and queries
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
# Believed where more than one of their names is there.
LATENT = [family for family in FAMILIES if "k_proj" not in family and {"o_proj", "gate_proj"} <= family]
# Blocks that every layer of an ordinary decoder has; others (mamba, linear_attn, shared_experts) come and go.
IN_EVERY_LAYER = frozenset({"self_attn", "attn", "attention", "self_attention", "SelfAttention", "mlp", "feed_forward"})
# What the last block of a diffusion transformer does without (SD3).
NOT_IN_THE_LAST = ("to_add_out", "ff_context")
SHARED_AT_THE_END = ("k_proj", "v_proj")  # where the last layers reuse the keys and values of one before them
MOST_ABSENT = 0.5  # of the layers: beyond it the adapter's own pattern says nothing
REPEATS = 3  # holes at equal distances that are a pattern, not a loss
MOST_PLACES = 300_000  # where names that nobody has could stand, or that some layers have
MOST_CELLS = 1_000_000  # of a picture: a name in a layer
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
        if len(self.rows) * self.layers > MOST_CELLS:
            return [f"{len(self.rows):,} names in {self.layers:,} layers: too many to draw"]
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
    matches = {path: LAYER.match(path) for path in layout.modules}
    several = len({match["stack"] for match in matches.values() if match}) > 1
    for path, match in matches.items():
        if match:
            stacks[match["stack"]].present[match["rest"]].add(int(match["index"]))
            rows[row_of(match, several=several)].add(int(match["index"]))
        else:
            rows[path] = set()
    lost, undecided = _lost_names(layout.modules, intent)
    holes = [path for name, stack in stacks.items() for path in _holes(name, stack, intent)]
    lost += sorted(intent.asks_for(holes))
    lost += _lost_parameters(layout.modules, intent)
    for gone, perhaps in (_lost_layers(stacks.values(), intent), _lost_saved(layout, intent)):
        lost, undecided = lost + gone, undecided + perhaps
    layers = max((max(stack.indices) + 1 for stack in stacks.values()), default=0)
    return Coverage({name: frozenset(has) for name, has in rows.items()}, layers, tuple(lost), tuple(undecided))


def row_of(match: re.Match[str], *, several: bool) -> str:
    """The row of a module within its layer; experts and the like share one, stacks only where there is one stack."""
    label = f"{match['stack']}.*.{match['rest']}" if several else match["rest"]
    return ".".join("*" if part.isdigit() else part for part in label.split("."))


def _lost_names(modules: Collection[str], intent: Intent) -> tuple[list[str], list[str]]:
    """Targets that no module on disk answers to: surely lost, or possibly never in the model.

    A name is surely lost where each architecture that has all that is there would have another of the names, too.
    """
    leaves = {path.rpartition(".")[2] for path in intent.asked_by_name(modules)} - _OUTSIDE
    pattern = isinstance(intent.targets, str)
    listed = [] if pattern else sorted(intent.targets or ())
    wanted = sorted(_asked_by_pattern(modules, intent)) if pattern else listed
    there = {end for path in modules for end in ends_of(path)}
    unmet = {name: None for name in wanted if name not in there}  # in their order
    if unmet and (intent.excluded or intent.saved):
        blocks = sorted({path.rpartition(".")[0] for path in modules})[: MOST_PLACES // len(unmet)]
        places = {name: {name, *(f"{block}.{name}" for block in blocks)} for name in unmet}
        excluded = intent.excludes({place for own in places.values() for place in own})
        unmet = {name: None for name in unmet if excluded.isdisjoint(places[name])}
    fitting = [family for family in FAMILIES if leaves <= family and (len(leaves) > 1 or family not in LATENT)]
    lost = [{name for name in unmet if name.rpartition(".")[2] in family} for family in fitting]
    sure = (set.intersection(*lost) or min(lost, key=len)) if lost and all(lost) else set()
    if not leaves:
        sure = set(unmet) - _OUTSIDE  # nothing that was trained in a layer is there
    usual = any(path.startswith("model.layers.") for path in modules)
    certain = [name for name in unmet if LAYER.match(name) or name in sure or (usual and name in HEADS)]
    perhaps = unmet.keys() - certain
    return certain, [name for name in listed if name in perhaps]


def _asked_by_pattern(modules: Collection[str], intent: Intent) -> set[str]:
    """Which of the usual names a pattern asks for, in the blocks of the layers that are there."""
    layers = {match[0] for path in modules if (match := re.match(r".*?\.layers\.\d+\.(?=self_attn\.|mlp\.)", path))}
    places = [f"{layer}{name}" for layer in layers for name in USUAL]
    return {path.rpartition(".")[2] for path in intent.asks_for(places)}


_OUTSIDE = frozenset({"lm_head", "embed_tokens", "wte", "score", "classifier"})


def _holes(name: str, stack: _Stack, intent: Intent) -> list[str]:
    """Modules that other layers have and one layer lacks, where nothing but a loss explains it."""
    indices = stack.indices
    layers = set(range(max(indices) + 1)) if intent.layers is None else indices
    whole = sorted(_lost_whole(layers - indices, stack))
    by_leaf: dict[str, set[int]] = defaultdict(set)
    by_block: dict[str, set[int]] = defaultdict(set)
    for rest, has in stack.present.items():
        by_leaf[rest.rpartition(".")[2]] |= has
        by_block[rest.rpartition(".")[0]] |= has
    found: list[str] = []
    for rest, without in _blocks_without(stack, by_block):
        lone = without
        block, _, leaf = rest.rpartition(".")
        has = stack.present[rest]
        gone = indices - by_block[block] - by_leaf[leaf]  # no such block, and no other with it
        if block.rpartition(".")[2] not in IN_EVERY_LAYER:
            gone = set()  # such a block comes and goes
        if leaf in NOT_IN_THE_LAST or block in NOT_IN_THE_LAST:
            lone, gone = lone - {max(indices)}, gone - {max(indices)}
        if leaf in SHARED_AT_THE_END and len(lone) > 1 and min(lone) > max(has):
            lone = set()
        for absent, present in ((lone, has), (gone, by_block[block])):
            if absent and not _is_pattern(absent, present):
                found += [f"{name}.{index}.{rest}" for index in sorted(absent)]
        found += [f"{name}.{index}.{rest}" for index in whole]
        if len(found) > MOST_PLACES:
            break
    return found


def _blocks_without(stack: _Stack, by_block: Mapping[str, set[int]]) -> Iterator[tuple[str, set[int]]]:
    """For each name the layers in which its block stands without it, with others that stand beside it elsewhere."""
    names: dict[tuple[str, int], int] = defaultdict(int)  # what a block has in a layer, a bit for each of its names
    seen: Counter[str] = Counter()
    for rest, has in stack.present.items():
        block = rest.rpartition(".")[0]
        for index in has:
            names[block, index] |= 1 << seen[block]
        seen[block] += 1
    last: tuple[str, set[int]] = "", set()
    lone: set[int] = set()
    for rest, has in stack.present.items():
        block = rest.rpartition(".")[0]
        if last != (block, has):  # names that stand in the same layers lack the same, and follow one another
            last = block, has
            like = functools.reduce(operator.or_, (names[block, index] for index in has))
            lone = {index for index in by_block[block] - has if names[block, index] & like}
        yield rest, lone


def _lost_whole(absent: set[int], stack: _Stack) -> set[int]:
    """Of the layers without any module those that cannot be the model's own pattern.

    Layers that have attention and feed-forward alike are an ordinary decoder's, and it begins at 0. Three groups of
    them or more, in less than half of the layers, may be a hybrid's.
    """
    blocks = {rest.rpartition(".")[0].rpartition(".")[2] for rest in stack.present} & IN_EVERY_LAYER
    groups = 1 + sum(step > 1 for step in _gaps(stack.indices))
    ordinary = len(blocks) > 1 and (groups < REPEATS or len(absent) <= len(stack.indices))
    return absent if ordinary or not absent or not _is_pattern(absent, stack.indices) else set()


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


def _gaps(layers: set[int]) -> list[int]:
    return [after - before for before, after in itertools.pairwise(sorted(layers))]


def _steps(layers: set[int]) -> set[int]:
    return set(_gaps(layers))


def _lost_layers(stacks: Iterable[_Stack], intent: Intent) -> tuple[list[str], list[str]]:
    """Layers that the configuration names and no module stands in; beyond the last the model may have ended."""
    there = set().union(*(stack.indices for stack in stacks))
    gone = sorted((intent.layers or set()) - there) if there else []
    return [f"layer {one}" for one in gone if one < max(there)], [f"layer {one}" for one in gone if one > max(there)]


def _lost_saved(layout: Layout, intent: Intent) -> tuple[list[str], list[str]]:
    """Modules to be saved whole that are not there: surely lost, or possibly never in the model."""
    there = [name.removeprefix(PREFIX) for name in layout.saved]
    tokens = [] if not intent.tokens or any("trainable_tokens_delta" in one for one in there) else ["trainable tokens"]
    together = "\n".join(there)
    gone = [name for name in intent.saved if f"{name}." not in together]
    if set(OF_CLASSIFIERS) <= set(intent.saved) and set(gone) != set(OF_CLASSIFIERS):
        gone = [name for name in gone if name not in OF_CLASSIFIERS]
    usual = any(path.startswith("model.layers.") for path in layout.modules)
    certain = [name for name in gone if len(gone) == len(intent.saved) or (usual and name in HEADS)]
    return [*(f"{name} (saved whole)" for name in certain), *tokens], [name for name in gone if name not in certain]


def _lost_parameters(modules: Collection[str], intent: Intent) -> list[str]:
    """Parameters named by ``target_parameters`` whose module holds too few of PEFT's wrappers, one for each of them."""
    owners: dict[str, list[str]] = defaultdict(list)
    for name in intent.parameters:
        owners[name.rpartition(".")[0]].append(name)
    wrappers: dict[str, int] = defaultdict(int)
    for path in modules:
        for end in ends_of(path.replace(".base_layer", "")):
            wrappers[end] = max(wrappers[end], path.count(".base_layer") + 1)
    return [name for owner, names in owners.items() if owner for name in names[wrappers[owner] :]]
