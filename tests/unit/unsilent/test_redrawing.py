"""A completion is drawn again token by token, and a token's share may only be missed by rounding."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest
import support
import torch
from hypothesis import given
from hypothesis import strategies as st

from homework.base_llm import BaseLLM
from unsilent.provenance import Draw, Provenance, read_provenance, sidecar_of
from unsilent.redrawing import MOST_SHIFT, most_shift, prompt_ids, redraw, shift_needed, spelt

QUESTION = support.FIVE_ROWS[0][0]


@pytest.fixture
def llm(tiny_base: Path) -> BaseLLM:
    """A tiny model in fp32."""
    return BaseLLM(str(tiny_base), dtype="fp32", device="cpu")


def sampled(llm: BaseLLM, folder: Path, temperature: float = 0.7) -> tuple[Provenance, Draw, list[int]]:
    """A record, its first draw, and the tokens of that prompt."""
    rows = support.write_sampled(folder / "rft.json", llm, temperature=temperature, samples=2 if temperature else 1)
    record = read_provenance(sidecar_of(folder / "rft.json"))
    assert record is not None
    return record, record.draws[0], prompt_ids(llm.tokenizer, llm.format_prompt(rows[0][0]))


@given(st.floats(0.01, 0.98), st.floats(0.001, 0.01), st.floats(1e-9, 0.999))
def test_shift_moves_the_edge_to_the_number(low: float, width: float, number: float) -> None:
    """Logits before the edge moved by the shift, those behind it by minus the shift: the number is on the edge."""
    edges = [math.log(edge / (1 - edge)) for edge in (low, low + width)]
    shift = shift_needed(number, *edges)
    moved = edges[0] - 2 * shift if number < low else edges[1] + 2 * shift

    if shift:
        assert 1 / (1 + math.exp(-moved)) == pytest.approx(number)
    else:
        assert low - 2e-5 <= number <= low + width + 2e-5


def test_edges_may_be_anywhere() -> None:
    """The first token's share begins at nothing, the last one's ends at everything; a number may be 0."""
    assert shift_needed(0.0, -math.inf, -3.0) == 0
    assert shift_needed(0.999, 3.0, math.inf) == 0
    assert shift_needed(0.5, 700.0, 710.0) == 350
    assert shift_needed(0.0, 0.0, 1.0) == pytest.approx(53 * math.log(2) / 2)


def test_low_temperature_hides_nothing(llm: BaseLLM, tmp_path: Path) -> None:
    """Near 0 all but the likeliest token have a share of nothing; the shift is still counted in logits."""
    record, draw, prompt = sampled(llm, tmp_path)
    cold = dataclasses.replace(record.rounds[0], temperature=1e-4)

    assert max(one.shift for one in redraw(llm.model, prompt, draw, cold)) > MOST_SHIFT["bfloat16"]


def test_every_token_is_drawn_again(llm: BaseLLM, tmp_path: Path) -> None:
    """Each number lies in the share of the recorded token, which is therefore drawn."""
    record, draw, prompt = sampled(llm, tmp_path)
    drawn = redraw(llm.model, prompt, draw, record.rounds[0])

    assert tuple(one.drawn for one in drawn) == draw.tokens
    assert all(one.low <= one.number < one.high and not one.shift for one in drawn)
    assert [one.position for one in drawn] == list(range(len(draw.tokens)))


def test_greedy_tokens_are_the_likeliest(llm: BaseLLM, tmp_path: Path) -> None:
    """At temperature 0 the shift is half of what the recorded token's logit lacks."""
    record, draw, prompt = sampled(llm, tmp_path, temperature=0.0)
    honest = redraw(llm.model, prompt, draw, record.rounds[0])
    other = redraw(llm.model, prompt, dataclasses.replace(draw, tokens=(5, *draw.tokens[1:])), record.rounds[0])

    assert [one.shift for one in honest] == [0.0] * len(honest)
    assert (other[0].drawn, other[0].shift > MOST_SHIFT["float32"]) == (draw.tokens[0], True)


def test_first_other_token_is_found(llm: BaseLLM, tmp_path: Path) -> None:
    """At its place, with what is drawn there instead."""
    record, draw, prompt = sampled(llm, tmp_path)
    changed = dataclasses.replace(draw, tokens=(*draw.tokens[:3], 258 - draw.tokens[3], *draw.tokens[4:]))
    drawn = redraw(llm.model, prompt, changed, record.rounds[0])

    assert [one.shift > 0 for one in drawn[:4]] == [False, False, False, True]
    assert (drawn[3].recorded, drawn[3].drawn) == (changed.tokens[3], draw.tokens[3])


def test_nothing_is_changed(llm: BaseLLM, tmp_path: Path) -> None:
    """Neither the model's mode nor a random state."""
    record, draw, prompt = sampled(llm, tmp_path)
    llm.model.train()
    state = torch.get_rng_state()
    redraw(llm.model, prompt, draw, record.rounds[0])

    assert llm.model.training
    assert torch.equal(torch.get_rng_state(), state)


def test_silent_model_is_refused(llm: BaseLLM, tmp_path: Path) -> None:
    """NaN is in no share, and beyond none."""
    record, draw, prompt = sampled(llm, tmp_path)
    with torch.no_grad():
        llm.model.model.norm.weight.fill_(math.nan)

    with pytest.raises(ValueError, match="logits are NaN"):
        redraw(llm.model, prompt, draw, record.rounds[0])


def test_text_ends_with_the_tag() -> None:
    """What shared a token with it is no part of the row, and neither are special tokens."""
    tokenizer = support.tiny_tokenizer()
    ids = prompt_ids(tokenizer, "<|im_start|>1 <answer>1</answer>. more")

    assert ids[0] == tokenizer.bos_token_id
    assert spelt(tokenizer, ids) == "1 <answer>1</answer>"


def test_wider_dtype_decides() -> None:
    """One that is not known is taken for the widest."""
    assert most_shift("float32", "float32") == MOST_SHIFT["float32"]
    assert most_shift("float32", "bfloat16") == most_shift("int4") == MOST_SHIFT["bfloat16"]
