"""What is trainable, before the first step: the adapter and nothing else, on every layer that was meant.

Read from the model's structure: which parameters PEFT would save, which of them require a gradient, whether a gradient
can reach them. Nothing is computed but one look-up in the embedding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .adapted import active_adapters, is_adapted, own_parameters, tuner_parameters, untouched, unwrapped
from .outcome import failed, passed, skipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

    from .failures import Stage
    from .outcome import Outcome

STAGE: Stage = "wiring"
NO_ADAPTER = "no PEFT adapter in the model"
NAMED = 20  # names of parameters kept as evidence


def check_frozen_base(model: torch.nn.Module) -> Outcome:
    """[base-not-frozen] Look for parameters that are trained although the adapter does not hold them.

    What PEFT would save is meant to be trained: LoRA and other tuners, ``modules_to_save``, trainable tokens, biases
    named in the configuration. Anything else that requires a gradient is the base's, is changed by the optimizer, and
    is lost when the adapter is saved.

    Returns:
        Failed with the names and the trainable share; skipped for a model without an adapter (full fine-tuning).
    """
    model = unwrapped(model)
    if not is_adapted(model):
        return skipped("base-not-frozen", STAGE, "no PEFT adapter: full fine-tuning trains the base on purpose")
    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    try:
        own = own_parameters(model)
    except Exception as error:  # noqa: BLE001 - a tuner that PEFT itself cannot save
        return skipped("base-not-frozen", STAGE, f"PEFT cannot list its adapter ({type(error).__name__}: {error})")
    base = {name: weight for name, weight in trained.items() if id(weight) not in own}
    if not base:
        return passed("base-not-frozen", STAGE)
    size = sum(weight.numel() for weight in base.values())
    total = sum(weight.numel() for weight in model.parameters())
    names = list(base)
    return failed(
        "base-not-frozen",
        STAGE,
        f"Expected only the adapter to be trained, but got {len(base)} parameters of the base that require a gradient "
        f"({size:,} weights, {size / total:.1%} of the model). Where: {names[0]}. What to do: freeze the base before "
        "adding the adapter (requires_grad_(False)), or list the module in modules_to_save so that it is saved too.",
        {"parameters": names[:20], "count": len(base), "weights": size, "share": size / total},
    )


def check_frozen_adapter(model: torch.nn.Module, stage: Stage = STAGE) -> Outcome:
    """[frozen-adapter] Look for an active adapter of which no parameter requires a gradient.

    ``inference_mode=True``, or ``PeftModel.from_pretrained`` without ``is_trainable=True``. Plain training then raises;
    with input gradients enabled, or checkpointing, it runs to the end and trains nothing.

    Returns:
        Failed with the number of frozen tensors; skipped for a model without an adapter.
    """
    slug = "frozen-adapter"
    inner = unwrapped(model)
    if not is_adapted(inner) and any(weight.requires_grad for weight in inner.parameters()):
        return skipped(slug, stage, NO_ADAPTER)
    own = tuner_parameters(inner)
    frozen = [name for name, weight in own.items() if not weight.requires_grad]
    second = [name for name in own if "lora_B" in name or "lora_embedding_B" in name]
    # lora_A may be frozen on purpose (LoRA-FA); without lora_B, which begins at zero, nothing is ever learnt
    if len(frozen) < len(own) and not (second and set(second) <= set(frozen)):
        note = f"{len(frozen)} of {len(own)} tensors of the adapter are frozen, {frozen[0]} first" if frozen else ""
        return passed(slug, stage, note)
    names = active_adapters(inner) if is_adapted(inner) else ["no adapter, the whole model"]
    configs = getattr(inner, "peft_config", None) or {}
    declared = [name for name in names if getattr(configs.get(name), "inference_mode", False)]
    return failed(
        slug,
        stage,
        f"Expected the active adapter to require gradients, but got {len(frozen)} of {len(own)} tensors frozen. "
        f"Where: {', '.join(names)}, {frozen[0]} first. What to do: create it with inference_mode=False, load it with "
        "PeftModel.from_pretrained(..., is_trainable=True), or activate the adapter that is meant to be trained.",
        {"frozen": len(frozen), "tensors": len(own), "adapters": names, "inference_mode": declared,
         "parameters": frozen[:NAMED]},
    )  # fmt: skip


def check_coverage(model: torch.nn.Module) -> Outcome:
    """[adapter-coverage] Hold the adapter in the model to its configuration: every name asked for, every layer.

    PEFT raises when ``target_modules`` match nothing at all; a name that is mistyped beside one that is right, a layer
    number that does not exist, a module that lost its adapter are passed over without a word. A short list given on
    purpose is healthy.

    Returns:
        Failed with what was asked for and is not there; skipped for tuners without target modules.
    """
    slug = "adapter-coverage"
    inner = unwrapped(model)
    if not is_adapted(inner):
        return skipped(slug, STAGE, NO_ADAPTER)
    tuner = getattr(inner, "base_model", None)
    named = getattr(tuner, "targeted_module_names", None)
    if not named:
        return skipped(slug, STAGE, "this tuner has no target modules")
    missing: list[str] = []
    try:
        for adapter in active_adapters(inner):
            missing += [one for one in _not_adapted(tuner, inner.peft_config[adapter], adapter) if one not in missing]
    except Exception as error:  # noqa: BLE001 - a tuner or a release of PEFT with rules of its own
        return skipped(slug, STAGE, f"PEFT's own rule cannot be asked ({type(error).__name__}: {error})")
    if not missing:
        return passed(slug, STAGE)
    return failed(
        slug,
        STAGE,
        f"Expected an adapter on every module that its configuration asks for, but got none on {len(missing)} of them. "
        f"Where: {', '.join(missing[:3])}. What to do: compare target_modules with the names in the model, or use "
        "target_modules='all-linear'.",
        {"missing": missing[:NAMED], "count": len(missing), "adapted": len(named)},
    )


def _not_adapted(tuner: Any, config: Any, adapter: str) -> Iterator[str]:  # noqa: ANN401 - a tuner of PEFT
    """Yield what the configuration asks for and the model does not have."""
    covered: list[str] = []
    matched: list[str] = []
    every = [f".{name}." for name, _ in tuner.model.named_modules()]
    for name, module in tuner.model.named_modules():
        if any(name.startswith(f"{above}.") for above in covered):
            continue
        if adapter in _adapters_in(module):
            covered.append(name)
        elif _is_leaf(module) and _asks_for(tuner, config, name):
            matched.append(name)
    targets = config.target_modules
    if isinstance(targets, set | list | tuple):
        # a module that is there and has no adapter was excluded, or is named below
        yield from (f"{target} (no module has this name)" for target in sorted(targets)
                    if not any(f".{target}." in name for name in every))  # fmt: skip
    layers = getattr(config, "layers_to_transform", None)
    for layer in [layers] if isinstance(layers, int) else layers or ():
        if not any(f".{layer}." in f".{name}." for name in covered):
            yield f"layer {layer}"
    yield from matched


def _adapters_in(module: Any) -> set[str]:  # noqa: ANN401 - a layer of PEFT, or any module
    """Names of the adapters that a module carries: of a tuner's layer, or of a module that is saved whole."""
    held = [getattr(module, name, ()) for name in getattr(module, "adapter_layer_names", ())]
    saved = getattr(module, "modules_to_save", None)
    return {name for group in [*held, saved or ()] if hasattr(group, "__iter__") for name in group}


def _is_leaf(module: Any) -> bool:  # noqa: ANN401
    return hasattr(module, "weight") and not any(True for _ in module.children())


def _asks_for(tuner: Any, config: Any, name: str) -> bool:  # noqa: ANN401
    """Whether PEFT itself would have put an adapter on a module of this name."""
    return bool(tuner._check_target_module_exists(config, name))  # noqa: SLF001 - PEFT's own rule, without a public name


def check_checkpointing(model: torch.nn.Module) -> Outcome:
    """[checkpointing-detached] Look for reentrant checkpointing whose inputs require no gradient.

    A checkpointed region that is computed again gives its parameters a gradient only if an input of it requires one.
    On a frozen base that is true only after ``enable_input_require_grads()``. The embedding is asked for one token.

    Returns:
        Failed with the number of trainable tensors that no gradient reaches; skipped where nothing is checkpointed.
    """
    slug = "checkpointing-detached"
    inner = unwrapped(model)
    regions = [module for module in inner.modules() if getattr(module, "gradient_checkpointing", False) is True]
    reentrant = [module for module in regions if _is_reentrant(module)]
    if not reentrant:
        return skipped(slug, STAGE, "no gradient checkpointing" if not regions else "checkpointing is not reentrant")
    inside = {id(weight) for region in reentrant for weight in region.parameters() if weight.requires_grad}
    try:
        embedding = inner.get_input_embeddings()
        with untouched(inner):
            attached = _one_token(embedding).requires_grad
    except Exception as error:  # noqa: BLE001 - anybody's model
        return skipped(slug, STAGE, f"the embedding could not be asked ({type(error).__name__}: {error})")
    if attached or not inside:
        return passed(slug, STAGE)
    lost = [name for name, weight in inner.named_parameters() if id(weight) in inside]
    return failed(
        slug,
        STAGE,
        f"Expected gradients to reach every trainable tensor, but got {len(lost)} inside reentrant checkpoints whose "
        f"inputs require no gradient. Where: {lost[0]} first. What to do: model.enable_input_require_grads(), or "
        "gradient_checkpointing_kwargs={'use_reentrant': False}.",
        {"detached": len(lost), "parameters": lost[:NAMED], "reentrant": True},
    )


def _is_reentrant(module: Any) -> bool:  # noqa: ANN401
    """How transformers keeps the choice; a bare ``torch.utils.checkpoint.checkpoint`` is reentrant by default."""
    function = getattr(module, "_gradient_checkpointing_func", None)
    return function is not None and bool(getattr(function, "keywords", {}).get("use_reentrant", True))


def _one_token(embedding: Any) -> torch.Tensor:  # noqa: ANN401
    import torch  # noqa: PLC0415

    with torch.enable_grad():
        token = torch.zeros((1, 1), dtype=torch.long, device=next(embedding.parameters()).device)
        return embedding(token)  # type: ignore[no-any-return] # an embedding gives a tensor
