"""Whether inference sends what training taught: the prompts of both, token by token.

A model that has learnt to go on after ``... <answer>`` writes something else after ``...``, after ``... <answer> ``, or
after the same text cut into other tokens, and the loss, which was measured on training's own prompts, looks good.

    check_prompts(tokenizer, training_rows, [llm.format_prompt(question) for question in questions])

``sent_prompts.read_sent_prompts`` gives what the model really gets instead, whatever the program does on the way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .begin_tokens import begins_twice, special_ids
from .outcome import failed, passed, skipped
from .prompt_format import formatted_twice
from .sent_prompts import has_mask, listed, own_part, plain_ids, run_of, token_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .outcome import Outcome

IGNORED = -100  # torch's cross entropy leaves labels of this value out
CONTEXT = 6  # tokens shown on both sides of the first difference
MOST = 0.5  # of the prompts begin twice: a single one may rightly speak of the token
EXAMPLES = 3


@dataclass(frozen=True)
class Pair:
    """A training row beside the inference prompt of the same question.

    Attributes:
        index: Its place among those passed.
        ids: The row's own tokens, without padding.
        start: How many of them are its prompt: those before the first label that is learnt.
        sent: Tokens of the inference prompt.
        is_row: The completion is there, too; otherwise ``ids`` are the prompt alone.
    """

    index: int
    ids: list[int]
    start: int
    sent: list[int]
    is_row: bool

    @property
    def prompt(self) -> list[int]:
        """Training's prompt."""
        return self.ids[: self.start]

    @property
    def agrees(self) -> bool:
        """Whether the row begins with what is sent, and no more of it is prompt.

        Less may be: where the opening tag is learnt as part of the completion, or the whole row is, the model has still
        seen the very tokens that it gets.
        """
        if not self.is_row:
            return self.ids == self.sent
        return self.start <= len(self.sent) and self.ids[: len(self.sent)] == self.sent


def check_prompts(
    tokenizer: Any,  # noqa: ANN401 - transformers' tokenizers share no typed base
    training_rows: Any,  # noqa: ANN401 - a list, or a data set that is one by its index alone
    inference_prompts: Iterable[Any],
) -> Outcome:
    """[prompt-mismatch] Compare training's prompts with inference's, token by token, and look for double formatting.

    Args:
        tokenizer: Turns text into tokens, as inference does: ``tokenizer(prompt)["input_ids"]``.
        training_rows: Each a mapping with ``input_ids`` and ``labels``, -100 on the prompt, or TRL's
            ``completion_mask``, with or without padding and ``attention_mask``; or a prompt, as text or tokens. Without
            either, the whole row is taken to be learnt.
        inference_prompts: Of the same questions in the same order, formatted, as text or tokens, or as a tokenizer
            returns them.

    Returns:
        Failed with the first differing token and what stands around it on both sides, or with what was put into the
        prompts twice. Rows without a label, and rows cut at one length, are left out; skipped when none is left.

    Source:
        History of the same code: prompts that differed, and ``format_prompt`` called twice.
    """
    slug = "prompt-mismatch"
    try:
        rows, prompts = listed(training_rows), listed(inference_prompts)
        if len(rows) != len(prompts) or not rows:
            return skipped(slug, "evaluation", f"{len(rows)} training rows do not pair with {len(prompts)} prompts")
        plain = iter(token_rows(tokenizer, [row for row in rows if not isinstance(row, Mapping)]))
        sent = token_rows(tokenizer, prompts)
        pairs = [_pair(tokenizer, index, row, sent[index]) if isinstance(row, Mapping)
                 else Pair(index, ids := next(plain), len(ids), sent[index], is_row=False)
                 for index, row in enumerate(rows)]  # fmt: skip
        texts = [_text(tokenizer, pair.sent) if not isinstance(prompt, str) else prompt
                 for pair, prompt in zip(pairs, prompts, strict=True)]  # fmt: skip
    except Exception as error:  # noqa: BLE001 - anybody's rows and tokenizer may be anything
        return skipped(slug, "evaluation", f"rows or prompts cannot be read ({type(error).__name__}: {error})")
    cut = _cut(pairs, special_ids(None, tokenizer, "all_special_ids"))
    judged = [pair for pair in pairs if pair.start < len(pair.ids) + (not pair.is_row) and pair.index not in cut]
    left_out = len(pairs) - len(judged)
    note = f"{left_out} of {len(pairs)} rows have no label, or lost part of their prompt to a maximum length"
    if not judged or not all(pair.sent for pair in judged):
        return skipped(slug, "evaluation", note if not judged else "an inference prompt has no tokens")
    differing = [pair for pair in judged if not pair.agrees]
    twice = formatted_twice(texts, tokenizer)
    if not differing and not twice:
        return passed(slug, "evaluation", note if left_out else "")
    pair = (differing or judged)[0]
    first, trained, given = _around(tokenizer, pair)
    kind = _kind(tokenizer, pair, twice) if differing else f"both formatted twice: {twice!r}"
    where = f"token {first} of prompt {pair.index}, counted from 0: {trained!r} in training, {given!r} at inference"
    return failed(
        slug,
        "evaluation",
        f"Expected the training prompt at inference, token by token, but got {len(differing)} of {len(judged)} that "
        f"differ ({kind}). Where: {where}. What to do: build both with one function, and call it once.",
        {"differing": len(differing), "prompts": len(judged), "left_out": left_out, "kind": kind, "token": first,
         "training": trained, "inference": given, "twice": twice,
         "indices": [pair.index for pair in differing[:EXAMPLES]],
         "training_ids": pair.prompt[max(0, first - CONTEXT) : first + CONTEXT],
         "inference_ids": pair.sent[max(0, first - CONTEXT) : first + CONTEXT]},
    )  # fmt: skip


def _pair(tokenizer: Any, index: int, row: Mapping[str, Any], sent: list[int]) -> Pair:  # noqa: ANN401
    if row.get("input_ids") is None:
        raise ValueError(f"expected tokenized rows, with input_ids, but got a row of {', '.join(map(str, row))}")
    ids = plain_ids(row["input_ids"])
    labels = _labels(row, ids)
    mask = plain_ids(row["attention_mask"]) if has_mask(row) else _guessed_mask(ids, sent, tokenizer)
    own = own_part(mask)
    ids, labels = ids[own], labels[own]
    start = next((place for place, label in enumerate(labels) if label != IGNORED), len(ids))
    return Pair(index, ids, start if start > 1 else 0, sent, is_row=True)


def _labels(row: Mapping[str, Any], ids: Sequence[int]) -> list[int]:
    if row.get("labels") is not None:
        labels = plain_ids(row["labels"])
        return [IGNORED] * (len(ids) - len(labels)) + labels  # some keep the trailing ones only
    if row.get("completion_mask") is not None:
        learnt = plain_ids(row["completion_mask"])
        return [one if is_learnt else IGNORED for one, is_learnt in zip(ids, learnt, strict=True)]
    return list(ids)


def _guessed_mask(ids: Sequence[int], sent: Sequence[int], tokenizer: Any) -> list[bool]:  # noqa: ANN401
    """Without a mask, padding tokens at the head beyond those that inference sends, too, are padding."""
    pad = getattr(tokenizer, "pad_token_id", None)
    ahead, kept = run_of(pad, ids), run_of(pad, sent)
    return [place >= ahead - kept for place in range(len(ids))]


def _cut(pairs: Sequence[Pair], special: frozenset[int]) -> set[int]:
    """Rows whose prompt lost its head to a maximum length.

    Their prompts are the ends of what is sent, and they are the longest rows, all of one length, while the prompts sent
    are not. Where begin tokens alone are missing, nothing was cut.
    """
    ends = [pair for pair in pairs
            if pair.is_row and 0 < pair.start < len(pair.sent) and pair.sent[-pair.start :] == pair.prompt
            and not set(pair.sent[: -pair.start]) <= special]  # fmt: skip
    longest = max(len(pair.ids) for pair in pairs)
    of_one_length = {len(pair.ids) for pair in ends} == {longest}
    varied = len({len(pair.sent) for pair in ends}) > 1 or any(pair.agrees for pair in pairs)
    return {pair.index for pair in ends} if of_one_length and varied else set()


def _text(tokenizer: Any, ids: Sequence[int]) -> str:  # noqa: ANN401
    try:
        return str(tokenizer.decode(list(ids)))
    except Exception:  # noqa: BLE001 - a tokenizer that cannot go back
        return " ".join(map(str, ids))


def _around(tokenizer: Any, pair: Pair) -> tuple[int, str, str]:  # noqa: ANN401
    """The first place at which the two differ, and the text around it on both sides."""
    both = zip(pair.prompt, pair.sent, strict=False)
    shorter = min(pair.start, len(pair.sent))
    first = next((place for place, (one, other) in enumerate(both) if one != other), shorter)
    window = slice(max(0, first - CONTEXT), first + CONTEXT)
    return first, _text(tokenizer, pair.prompt[window]), _text(tokenizer, pair.sent[window])


def _kind(tokenizer: Any, pair: Pair, twice: str) -> str:  # noqa: ANN401
    """What the difference is, in words."""
    prompt, sent = pair.prompt, pair.sent
    trained, given, row = (_text(tokenizer, ids) for ids in (prompt, sent, pair.ids))
    begins = special_ids(None, tokenizer, "bos_token_id")
    kinds = {
        f"formatted twice at inference{f': {twice!r}' if twice else ''}": bool(twice) or _is_doubled(given, trained),
        "formatted twice in training": _is_doubled(trained, given),
        "a begin token in training only": prompt[1:] == sent and {*prompt[:1]} <= begins,
        "a begin token in inference only": sent[1:] == prompt and {*sent[:1]} <= begins,
        f"inference ends before {_text(tokenizer, prompt[len(sent) :])!r}": prompt[: len(sent)] == sent,
        "the same text in other tokens: prompt and answer were tokenized together, or apart, in one of the two":
            row.startswith(given),
        f"inference goes on with {_text(tokenizer, sent[len(prompt) :])!r}":
            bool(prompt) and sent[: len(prompt)] == prompt,
    }  # fmt: skip
    return next((kind for kind, holds in kinds.items() if holds), "another text")


def _is_doubled(longer: str, shorter: str) -> bool:
    """Whether ``longer`` is ``shorter`` with its own beginning or end put around it once more."""
    before, found, after = longer.partition(shorter or longer)
    return bool(found and (before + after).strip()) and shorter.startswith(before) and shorter.endswith(after)


def check_prompt_bos(tokenizer: Any, prompts: Iterable[Any]) -> Outcome:  # noqa: ANN401
    """[double-bos] Look for inference prompts whose tokens begin with two begin tokens.

    Args:
        tokenizer: Turns text into tokens, as inference does.
        prompts: Formatted, as text or tokens, or as a tokenizer returns them.

    Returns:
        Failed when most do; skipped without prompts or a begin token.

    Source:
        open-r1#462: the chat template adds one and the tokenizer another.
    """
    begins = special_ids(None, tokenizer, "bos_token_id")
    try:
        rows = token_rows(tokenizer, listed(prompts))
    except Exception as error:  # noqa: BLE001 - anybody's prompts and tokenizer may be anything
        return skipped("double-bos", "evaluation", f"prompts cannot be read ({type(error).__name__}: {error})")
    known = [(place, ids) for place, ids in enumerate(rows) if len(set(ids)) > 1]
    if not known or not begins:
        nothing = "no begin token is known" if not begins else "no prompt has two different tokens"
        return skipped("double-bos", "evaluation", nothing)
    double = [place for place, ids in known if begins_twice(ids, begins)]
    if len(double) <= MOST * len(known):
        return passed("double-bos", "evaluation")
    return failed(
        "double-bos",
        "evaluation",
        f"Expected one begin token at the head of a prompt, but got two in {len(double)} of {len(known)}. Where: "
        f"prompt {double[0]}, counted from 0, token id {', '.join(map(str, sorted(begins)))}. What to do: tokenize "
        "text that a chat template has made with add_special_tokens=False.",
        {"prompts": len(known), "double": len(double), "bos": sorted(begins), "indices": double[:EXAMPLES],
         "ids": rows[double[0]][:CONTEXT]},
    )  # fmt: skip
