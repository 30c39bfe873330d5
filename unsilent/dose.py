"""Dose and response: does the adapter do anything, and does it do half as much at half its strength?

The logits of a few prompts with the adapter on and off tell whether it has an effect at all: disabled, scaled by zero,
another one active, keys dropped on loading, all look the same from here. The mean log-likelihood of the right answers
at 0, one half and all of the adapter is the evidence: a line from the base to the adapter, or a flat one.

What counts as equal: on one machine two passes over the same prompt are the same to the last bit, and so are adapter
and base where the adapter adds nothing; the first is measured each time, and twice that is the bound. A method that
multiplies instead of adding may differ from the base by rounding alone, and such a difference proves nothing.

Shapes: B rows (always 1 here), T tokens, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .adapted import active_adapters, quietly, untouched, unwrapped
from .disturbance import scaled_adapter, tuner_layers, unscalable
from .outcome import failed, passed, skipped
from .randomness import untouched_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch

    from .outcome import Outcome

SLUG = "adapter-without-effect"
MAX_EXAMPLES = 8
NOISE = 2.0  # one repeated pass may show less than the largest difference there is

# Untrained, all methods of PEFT 0.21 but two give exactly the base. In epsilons of the dtype times the largest logit,
# with 3 to 30 layers, DoRA differs by up to 14 in bfloat16 (2.5 on the 135M), HRA by up to 51 in float32 (10). LoRA is
# seen after one step of AdamW with a learning rate of 1e-6, on a bfloat16 base too.
ROUNDING = 64.0


@dataclass
class _Measured:
    """Of all examples together.

    Attributes:
        gap: Largest difference of a logit with the adapter on and off.
        noise: The same between two passes with the adapter on.
        largest: Largest absolute logit.
        undefined: Whether a logit was NaN.
        tokens: Tokens of the right answers.
        likelihood: By the adapter's share, the sum of their log-probabilities.
    """

    gap: float = 0.0
    noise: float = 0.0
    largest: float = 0.0
    undefined: bool = False
    tokens: int = 0
    likelihood: dict[float, float] = field(default_factory=dict)

    @property
    def bound(self) -> float:
        """A difference up to here is none."""
        return NOISE * self.noise

    def line(self) -> dict[str, float]:
        """Mean log-likelihood of a token of the answers, by the adapter's share."""
        return {f"{dose:g}": total / self.tokens for dose, total in self.likelihood.items()}


def check_effect(model: Any, tokenizer: Any, examples: Sequence[Any]) -> Outcome:  # noqa: ANN401
    """[adapter-without-effect] Compare a model with its adapter on, half on and off.

    Args:
        model: With a PEFT adapter, in whatever mode; for next tokens, decoder alone or with an encoder, or anything
            else with logits. Neither weights nor modes nor random states are changed.
        tokenizer: Its tokenizer.
        examples: Texts, or rows that begin with a prompt as the model gets it and the right answer as it should write
            it; the first 8 are used. The likelihood is that of the answers, or of whole texts.

    Returns:
        Failed, with the likelihood at each dose and what the adapter's switches say, when on and off are equal; skipped
        without an adapter, with a merged one, with NaN among the logits, with a difference that may be rounding, or
        where the model raises; else passed, with the line as its message.

    Source:
        unsloth#2142.
    """
    try:
        if reason := unscalable(model, 0):
            return skipped(SLUG, "evaluation", reason)
        inner = unwrapped(model)
        doses = (0.0, 1.0) if unscalable(inner) else (0.0, 0.5, 1.0)
        with untouched_settings(tokenizer):
            encoded = _encoded(inner, tokenizer, examples)
        with untouched(inner), quietly(inner):
            measured = _measure(inner, encoded, doses)
            named = _named_tokens(inner) if measured.gap <= measured.bound else []
            elsewhere = _measure(
                inner, [([*prompt, *named], answer) for prompt, answer in encoded if named], (0.0, 1.0)
            )
    except Exception as error:  # noqa: BLE001 - anybody's model and tokenizer may raise anything
        return skipped(SLUG, "evaluation", f"the model could not be asked ({type(error).__name__}: {error})")
    if not encoded:
        return skipped(SLUG, "evaluation", "no example holds two tokens")
    if measured.undefined:
        return skipped(SLUG, "evaluation", "the logits are NaN, of which nothing can be said here")
    if elsewhere.gap > elsewhere.bound:
        return skipped(SLUG, "evaluation", f"the adapter acts at tokens {named} alone, and no example holds them")
    return _judge(inner, measured, len(encoded))


def _judge(model: Any, measured: _Measured, count: int) -> Outcome:  # noqa: ANN401
    line = measured.line()
    if measured.gap <= measured.bound:
        switches = _switches(model)
        return failed(
            SLUG,
            "evaluation",
            f"Expected other logits with the adapter than without it, but got a difference of {measured.gap:g} "
            f"({count} examples; two equal passes differ by {measured.noise:g}). Where: {_where(switches)}. What to "
            "do: enable the right adapter, give it a scaling, or load it again and read what is said of missing keys.",
            {"gap": measured.gap, "bound": measured.bound, "log_likelihood": line, "examples": count, **switches},
        )
    rounding = ROUNDING * _epsilon(model) * measured.largest
    if measured.gap <= rounding and not _adds(model):
        reason = f"logits with and without the adapter differ by {measured.gap:g}, which may be rounding ({rounding:g})"
        return skipped(SLUG, "evaluation", reason)
    if not line:
        return passed(SLUG, "evaluation")
    said = ", ".join(f"{value:.4g} at {dose}" for dose, value in line.items())
    worse = "; the adapter makes the answers less likely" if line["1"] < line["0"] else ""
    return passed(SLUG, "evaluation", f"log-likelihood of a token of the answers by dose: {said}{worse}")


def _encoded(model: Any, tokenizer: Any, examples: Sequence[Any]) -> list[tuple[list[int], list[int]]]:  # noqa: ANN401
    """Token ids of prompt and answer, neither empty."""
    found = []
    for example in list(examples)[:MAX_EXAMPLES]:
        prompt, answer = ("", example) if isinstance(example, str) else example[:2]
        if _has_encoder(model):
            pair = list(tokenizer(prompt or answer)["input_ids"]), list(tokenizer(str(answer))["input_ids"])
        else:
            ids = list(tokenizer(prompt + str(answer))["input_ids"])
            alone = tokenizer(prompt)["input_ids"] if prompt else []
            same = next((at for at, (a, b) in enumerate(zip(ids, alone, strict=False)) if a != b), len(alone))
            begin = max(1, min(same, len(ids) - 1))  # the answer's first token may reach into the prompt
            pair = ids[:begin], ids[begin:]
        if all(pair):
            found.append(pair)
    return found


def _measure(model: Any, encoded: Sequence[tuple[list[int], list[int]]], doses: Sequence[float]) -> _Measured:  # noqa: ANN401
    """Ask for the logits before each token of each answer, at every dose, and once more at the last."""
    measured = _Measured()
    for prompt, answer in encoded:
        said = {}
        for dose in doses:
            with scaled_adapter(model, dose):
                said[dose] = _logits(model, prompt, answer)
        on, off, again = said[1.0], said[0.0], _logits(model, prompt, answer)
        measured.gap = max(measured.gap, _difference(on, off))
        measured.noise = max(measured.noise, _difference(on, again))
        measured.largest = max(measured.largest, float(on.abs().max()))
        measured.undefined |= bool((on.isnan() | off.isnan()).any())
        if on.ndim > 1 and len(on) == len(answer) and max(answer) < on.shape[-1]:  # of next tokens, not of classes
            measured.tokens += len(answer)
            for dose, logits in said.items():
                measured.likelihood[dose] = measured.likelihood.get(dose, 0.0) + _log_likelihood(logits, answer)
    return measured


def _logits(model: Any, prompt: list[int], answer: list[int]) -> torch.Tensor:  # noqa: ANN401
    """The logits that predict the answer's tokens, (T, V), or those of classes; virtual tokens of a prompt left out."""
    import torch  # noqa: PLC0415 - reports are read without torch

    device = next(model.parameters()).device
    if _has_encoder(model):
        ids, labels = (torch.tensor([part], device=device) for part in (prompt, answer))
        return model(input_ids=ids, labels=labels).logits[0].float()  # type: ignore[no-any-return]
    logits = model(input_ids=torch.tensor([prompt + answer], device=device)).logits[0].float()
    return logits[-len(answer) - 1 : -1] if logits.ndim > 1 else logits  # type: ignore[no-any-return]


def _difference(one: torch.Tensor, other: torch.Tensor) -> float:
    """Largest difference; two infinities of one sign are equal."""
    return float((one - other).abs().masked_fill(one == other, 0).max())


def _log_likelihood(logits: torch.Tensor, answer: list[int]) -> float:
    chosen = logits.log_softmax(-1)[range(len(answer)), answer]
    return float(chosen.sum())


def _has_encoder(model: Any) -> bool:  # noqa: ANN401
    return bool(getattr(getattr(model, "config", None), "is_encoder_decoder", False))


def _configs(model: Any) -> list[Any]:  # noqa: ANN401 - a PEFT model
    return [model.peft_config[name] for name in active_adapters(model)]


def _named_tokens(model: Any) -> list[int]:  # noqa: ANN401
    """Tokens at which alone an active adapter acts: those that invoke it, those it trains, by its configuration."""
    found: list[int] = []
    for config in _configs(model):
        for name in ("alora_invocation_tokens", "token_indices", "trainable_token_indices"):
            named = getattr(config, name, None) or []
            for tokens in named.values() if isinstance(named, dict) else [named]:
                found += tokens
    return found


def _adds(model: Any) -> bool:  # noqa: ANN401
    """Whether the adapters only add to what the base gives: what adds nothing changes no bit."""
    return all(config.peft_type == "LORA" and not config.use_dora for config in _configs(model))


def _epsilon(model: Any) -> float:  # noqa: ANN401
    """Of the coarsest dtype that a weight is held in."""
    import torch  # noqa: PLC0415

    return max(torch.finfo(weight.dtype).eps for weight in model.parameters() if weight.is_floating_point())


def _switches(model: Any) -> dict[str, Any]:  # noqa: ANN401
    """What the adapter's layers say of themselves."""
    layers = tuner_layers(model)
    active = sorted({name for layer in layers for name in layer.active_adapters})
    scalings = [getattr(layer, "scaling", None) or {} for layer in layers]
    found = {
        float(scaling[name]) for scaling in scalings if isinstance(scaling, dict) for name in active if name in scaling
    }
    return {
        "active": active,
        "adapters": list(model.peft_config),
        "layers": len(layers),
        "disabled": sum(bool(layer.disable_adapters) for layer in layers),
        "scalings": sorted(found),
    }


def _where(switches: Mapping[str, Any]) -> str:
    """Say which of the usual causes it is, as far as the switches show."""
    if switches["layers"] and switches["disabled"] == switches["layers"]:
        return f"the adapters are disabled in all {switches['layers']} layers"
    if not switches["active"]:
        return f"no adapter is active of {', '.join(switches['adapters'])}"
    if switches["scalings"] == [0.0]:
        return f"the scaling of {', '.join(switches['active'])} is 0"
    return f"{', '.join(switches['active'])} adds nothing; loaded are {', '.join(switches['adapters'])}"
