"""Is the model that was loaded the model that was trained? Logits of both, on the same few tokens.

At the end of training ``record_logits`` writes down, in plain JSON, what the live model says to a few prompts. Any
later process asks the reloaded model the same and compares: an adapter that lost a layer on the way, a base in another
dtype, another base. Numbers that differ by rounding are told from these by a bound for each dtype.

Shapes: B rows (always 1 here), T tokens, V vocabulary.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .adapted import quietly
from .outcome import failed, passed, skipped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .outcome import Outcome

TOP = 16  # logits kept a position; the rest of the vocabulary is noise beside them
ANSWER_TOKENS = 8  # a number and its closing tag
MAX_PROMPTS = 8

# Difference of a kept logit, largest at a position, as a share of the span of the 16 kept there: the mean over all
# positions, by the wider dtype. Measured on the 135M with a trained adapter: another attention kernel, autocast or fp32
# weights move bf16 by 0.018 in the mean and 0.043 at most; fp16 differs from fp32 by 0.002 and 0.0036, fp32 from itself
# by less than 1e-4; an adapter without one of its 30 layers by 0.06 or more, and 0.14 or more at most.
BOUNDS: Mapping[str, float] = {"float32": 5e-4, "float16": 4e-3, "bfloat16": 0.04}
PEAK = 3.0  # a single position may differ by so many times the bound of the mean


def record_logits(model: Any, tokenizer: Any, prompts: Sequence[str]) -> dict[str, Any]:  # noqa: ANN401 - any causal language model
    """Write down what a model says: for each prompt its greedy continuation and the logits on the way.

    Args:
        model: Causal language model of transformers or PEFT, as it will answer: a Trainer's autocast taken off again.
            Its mode and random state are left as they are.
        tokenizer: Its tokenizer.
        prompts: Up to 8 are asked, one at a time, without padding.

    Returns:
        Plain JSON: dtype and, for each prompt, the token ids, where the continuation begins, and the 16 largest logits
        at each of its positions, up to the end-of-text token.
    """
    import torch  # noqa: PLC0415 - reports are read without torch

    asked = []
    with quietly(model):
        for prompt in list(prompts)[:MAX_PROMPTS]:
            ids = list(tokenizer(prompt)["input_ids"])
            if not ids:
                continue
            begin = len(ids)
            tops = []
            for _ in range(ANSWER_TOKENS):
                last = model(input_ids=torch.tensor([ids], device=model.device)).logits[0, -1].float()
                top = last.topk(min(TOP, last.numel()))
                tops.append([[int(i), float(v)] for i, v in zip(top.indices, top.values, strict=True)])
                ids.append(int(top.indices[0]))
                if ids[-1] == getattr(tokenizer, "eos_token_id", None):
                    break  # what comes after the end was never learnt, and is mostly noise
            asked.append({"prompt": prompt, "ids": ids, "begin": begin, "top": tops})
    return {"dtype": dtype_of(model), "asked": asked}


def is_finite(recorded: Mapping[str, Any]) -> bool:
    """Whether every recorded logit is a number."""
    return all(math.isfinite(value) for one in recorded["asked"] for top in one["top"] for _, value in top)


def check_reload(recorded: Mapping[str, Any], model: Any) -> Outcome:  # noqa: ANN401 - any causal language model
    """[reload-mismatch] Compare a reloaded model with what the live one said.

    Args:
        recorded: From ``record_logits``.
        model: The reloaded model.

    Returns:
        Failed with the differences and where they are largest, when beyond the bound of the wider dtype or not finite;
        skipped when nothing was recorded, or what was does not fit this model, which lacks its tokens, say.

    Source:
        sentence-transformers#3865, vllm#34186; bounds as measured above.
    """
    if not recorded or not recorded.get("asked"):
        return skipped("reload-mismatch", "evaluation", "no logits of the live model were recorded")
    try:
        dtypes = [str(recorded["dtype"]), dtype_of(model)]
        bound = max(BOUNDS.get(dtype, min(BOUNDS.values())) for dtype in dtypes)
        shares, other_tokens = _compare(recorded["asked"], model)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError) as error:
        reason = f"the recorded logits do not fit this model ({type(error).__name__}: {error})"
        return skipped("reload-mismatch", "evaluation", reason)
    if not shares:
        return skipped("reload-mismatch", "evaluation", "no logits of the live model were recorded")
    mean = sum(shares.values()) / len(shares)
    where = max(shares, key=lambda place: math.inf if math.isnan(shares[place]) else shares[place])
    if mean <= bound and shares[where] <= PEAK * bound:
        return passed("reload-mismatch", "evaluation")
    prompt, position = recorded["asked"][where[0]]["prompt"], where[1]
    return failed(
        "reload-mismatch",
        "evaluation",
        f"Expected the reloaded model to say what the live one said (logits within {bound:g} of their span in the mean "
        f"and {PEAK * bound:g} at most), but got differences of {mean:.3g} and {shares[where]:.3g}; {other_tokens} of "
        f"{len(shares)} tokens differ. Where: token {position} after {prompt[:60]!r}. What to do: compare the keys and "
        "dtypes that were saved with those that were loaded.",
        {"mean": mean, "largest": shares[where], "prompt": prompt, "position": position, "bound": bound,
         "other_tokens": other_tokens, "positions": len(shares), "dtypes": dtypes},
    )  # fmt: skip


def _compare(asked: Sequence[Mapping[str, Any]], model: Any) -> tuple[dict[tuple[int, int], float], int]:  # noqa: ANN401
    """Ask ``model`` what was asked: the difference by number of prompt and position, and how many tokens differ."""
    import torch  # noqa: PLC0415

    if max(max(one["ids"]) for one in asked) >= model.config.vocab_size:
        raise IndexError(f"tokens beyond this vocabulary of {model.config.vocab_size}")  # which CUDA does not survive
    shares: dict[tuple[int, int], float] = {}
    other_tokens = 0
    with quietly(model):
        for number, one in enumerate(asked):
            logits = model(input_ids=torch.tensor([one["ids"]], device=model.device)).logits[0].float().cpu()
            for offset, top in enumerate(one["top"]):
                now = logits[one["begin"] + offset - 1]
                then = torch.tensor([value for _, value in top])
                gap = (now[torch.tensor([index for index, _ in top])] - then).abs().max()
                shares[number, offset] = float(gap / (then.max() - then.min()).clamp(min=1e-6))
                other_tokens += int(now.argmax()) != top[0][0]
    return shares, other_tokens


def check_dtype(recorded: str, model: Any) -> Outcome:  # noqa: ANN401 - any causal language model
    """[dtype-mismatch] Compare the dtype a base is held in with the one it was trained in.

    Args:
        recorded: ``fp32``, ``float32`` or ``torch.float32``, from the manifest.
        model: The loaded model; its frozen weights count, the adapter's may differ.

    Source:
        The project's reports: trained in fp32, loaded with the default dtype, every answer NaN.
    """
    trained, loaded = long_name(recorded), dtype_of(model)
    if any(not weight.is_floating_point() and weight.dim() > 1 for weight in model.parameters()):
        return skipped("dtype-mismatch", "evaluation", "a quantised base is held in integers")
    if trained == loaded:
        return passed("dtype-mismatch", "evaluation")
    return failed(
        "dtype-mismatch",
        "evaluation",
        f"Expected the base in {trained}, as in training, but got it in {loaded}. Where: the weights of the loaded "
        f"model. What to do: load it with dtype={trained}, or with the loader that reads the manifest.",
        {"trained": trained, "loaded": loaded},
    )


def dtype_of(model: Any) -> str:  # noqa: ANN401 - any torch module
    """The dtype in which most matrices of a model are held; the adapter's own do not count where there are others.

    By number, not by size: embeddings alone may outweigh all layers, and are sometimes held in another dtype.
    """
    counts: dict[str, int] = {}
    for name, weight in model.named_parameters():
        if weight.is_floating_point() and weight.dim() > 1 and "lora_" not in name and ".modules_to_save." not in name:
            counts[str(weight.dtype)] = counts.get(str(weight.dtype), 0) + 1
    return long_name(max(counts, key=lambda dtype: counts[dtype], default="unknown"))


def long_name(dtype: str) -> str:
    """Turn ``fp32`` or ``torch.float32`` into ``float32``."""
    text = str(dtype).removeprefix("torch.")
    return {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}.get(text, text)
