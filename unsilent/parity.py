"""Is the model that was loaded the model that was trained? Logits of both, on the same few tokens.

At the end of training ``record_logits`` writes down, in plain JSON, what the live model says to a few prompts. Any
later process asks the reloaded model the same and compares: an adapter that lost a layer on the way, a base in another
dtype, another base. Numbers that differ by rounding are told from these by a bound for each dtype.

Shapes: B rows (always 1 here), T tokens, V vocabulary.
"""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Any

from .outcome import failed, passed, skipped

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .outcome import Outcome

TOP = 16  # logits kept a position; the rest of the vocabulary is noise beside them
ANSWER_TOKENS = 8  # a number and its closing tag
MAX_PROMPTS = 8

# Largest difference of a kept logit, as a share of the span of the 16 kept. Measured on the 135M with a trained
# adapter, 24 prompts: another attention kernel or thread count moves bf16 by 0.043, fp32 by less than 1e-4; fp16
# differs from fp32 by 0.0036; an adapter without one of its 30 layers by 0.14 to 0.20, without effect by 1.8.
BOUNDS: Mapping[str, float] = {"float32": 1e-3, "float16": 1e-2, "bfloat16": 0.08}


def record_logits(model: Any, tokenizer: Any, prompts: Sequence[str]) -> dict[str, Any]:  # noqa: ANN401 - any causal language model
    """Write down what a model says: for each prompt its greedy continuation and the logits on the way.

    Args:
        model: Causal language model of transformers or PEFT; its mode and random state are left as they are.
        tokenizer: Its tokenizer.
        prompts: Up to 8 are asked, one at a time, without padding.

    Returns:
        Plain JSON: dtype and, for each prompt, the token ids, where the continuation begins, and the 16 largest logits
        at each of its positions.
    """
    import torch  # noqa: PLC0415 - reports are read without torch

    asked = []
    with _quietly(model):
        for prompt in list(prompts)[:MAX_PROMPTS]:
            ids = list(tokenizer(prompt)["input_ids"])
            begin = len(ids)
            tops = []
            for _ in range(ANSWER_TOKENS):
                last = model(input_ids=torch.tensor([ids], device=model.device)).logits[0, -1].float()
                top = last.topk(min(TOP, last.numel()))
                tops.append([[int(i), float(v)] for i, v in zip(top.indices, top.values, strict=True)])
                ids.append(int(top.indices[0]))
            asked.append({"prompt": prompt, "ids": ids, "begin": begin, "top": tops})
    return {"dtype": dtype_of(model), "asked": asked}


def check_reload(recorded: Mapping[str, Any], model: Any) -> Outcome:  # noqa: ANN401 - any causal language model
    """[reload-mismatch] Compare a reloaded model with what the live one said.

    Args:
        recorded: From ``record_logits``.
        model: The reloaded model.

    Returns:
        Failed with the largest difference and where, when it is beyond the bound of the wider dtype or not finite;
        skipped when nothing was recorded or the tokens do not exist in this model.

    Source:
        sentence-transformers#3865, vllm#34186; bounds as measured above.
    """
    import torch  # noqa: PLC0415

    asked = recorded.get("asked") or []
    if not asked:
        return skipped("reload-mismatch", "evaluation", "no logits of the live model were recorded")
    vocabulary = int(model.config.vocab_size)
    if max(max(one["ids"]) for one in asked) >= vocabulary:
        return skipped("reload-mismatch", "evaluation", f"recorded tokens beyond this vocabulary of {vocabulary}")
    dtypes = [str(recorded.get("dtype", "")), dtype_of(model)]
    bound = max(BOUNDS.get(dtype, min(BOUNDS.values())) for dtype in dtypes)
    worst: dict[str, Any] = {"share": 0.0}
    other_tokens = 0
    with _quietly(model):
        for one in asked:
            ids = torch.tensor([one["ids"]], device=model.device)
            logits = model(input_ids=ids).logits[0].float().cpu()
            for offset, top in enumerate(one["top"]):
                now = logits[one["begin"] + offset - 1]
                indices = torch.tensor([index for index, _ in top])
                then = torch.tensor([value for _, value in top])
                share = float((now[indices] - then).abs().max() / (then.max() - then.min()).clamp(min=1e-6))
                other_tokens += int(now.argmax()) != top[0][0]
                if share > worst["share"] or math.isnan(share):
                    worst = {"share": share, "prompt": one["prompt"], "position": offset}
    if worst["share"] <= bound:
        return passed("reload-mismatch", "evaluation")
    positions = sum(len(one["top"]) for one in asked)
    return failed(
        "reload-mismatch",
        "evaluation",
        f"Expected the reloaded model to say what the live one said (within {bound:g} of the span of its logits), but "
        f"got a difference of {worst['share']:.3g}; {other_tokens} of {positions} tokens differ. Where: token "
        f"{worst['position']} after {worst['prompt'][:60]!r}. What to do: compare the keys and dtypes that were saved "
        "with those that were loaded.",
        {**worst, "bound": bound, "other_tokens": other_tokens, "positions": positions, "dtypes": dtypes},
    )


def check_dtype(recorded: str, model: Any) -> Outcome:  # noqa: ANN401 - any causal language model
    """[dtype-mismatch] Compare the dtype a base is held in with the one it was trained in.

    Args:
        recorded: ``fp32``, ``float32`` or ``torch.float32``, from the manifest.
        model: The loaded model; its frozen weights count, the adapter's may differ.

    Source:
        The project's reports: trained in fp32, loaded with the default dtype, every answer NaN.
    """
    trained, loaded = long_name(recorded), dtype_of(model)
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
    """The dtype in which most of a model's weights are held; the adapter's own do not count where there are others."""
    sizes: dict[str, int] = {}
    for name, weight in model.named_parameters():
        if weight.is_floating_point() and "lora_" not in name and ".modules_to_save." not in name:
            sizes[str(weight.dtype)] = sizes.get(str(weight.dtype), 0) + weight.numel()
    return long_name(max(sizes, key=lambda dtype: sizes[dtype], default="unknown"))


def long_name(dtype: str) -> str:
    """Turn ``fp32`` or ``torch.float32`` into ``float32``."""
    text = str(dtype).removeprefix("torch.")
    return {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}.get(text, text)


@contextlib.contextmanager
def _quietly(model: Any) -> Iterator[None]:  # noqa: ANN401
    """Evaluation mode without gradients, put back afterwards, module by module."""
    import torch  # noqa: PLC0415

    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training
