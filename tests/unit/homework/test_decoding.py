"""Completions are those of ``model.generate``, whatever is shared, whoever leaves the batch, however tokens are drawn.

The logits behind every token are compared with a whole forward pass without a cache. What is written can be dictated:
a model without weights holds all tokens equally likely, and a number between 0 and 1 then names one.
"""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import support
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    StoppingCriteria,
    StoppingCriteriaList,
)

from homework import decoding
from homework.base_llm import BaseLLM
from homework.decoding import decode, left_pad, pick, run_prefix
from homework.errors import OptionInvalid
from homework.shared_prefix import can_share, common_prefix, let_share

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

NEW = 12
DYNAMIC = {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}
TOKENIZER = support.tiny_tokenizer()
EOS = TOKENIZER.eos_token_id
SIZES: dict[str, Any] = {"vocab_size": 259, "bos_token_id": 1, "eos_token_id": EOS, "pad_token_id": EOS}


def sharing(model: Any) -> Any:  # noqa: ANN401 - any model
    """A model in evaluation mode that shares prefixes where it can."""
    let_share(model)
    return model.eval()


def gpt2() -> Any:  # noqa: ANN401
    """Learnt positions, and an attention of its own."""
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(n_embd=32, n_layer=2, n_head=4, n_positions=128, initializer_range=0.2, **SIZES))


def qwen2(**options: Any) -> Any:  # noqa: ANN401
    """Another family."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    return Qwen2ForCausalLM(Qwen2Config(**sizes, num_key_value_heads=2, initializer_range=0.2, **SIZES, **options))


def adapted() -> Any:  # noqa: ANN401
    """An adapter on a model that was loaded to share."""
    model = support.tiny_adapter(lora_dropout=0.5)
    let_share(model.get_base_model())
    return model.eval()


MODELS: dict[str, Callable[[], Any]] = {
    "llama": lambda: sharing(support.tiny_model()),
    "adapted": adapted,
    "one head for keys": lambda: sharing(llama(num_key_value_heads=1)),
    "whole prompts": lambda: support.tiny_model().eval(),
    "gpt2": lambda: sharing(gpt2()),
    "qwen2": lambda: sharing(qwen2()),
    "sliding window": lambda: sharing(qwen2(use_sliding_window=True, sliding_window=6, max_window_layers=0)),
    "frequencies by length": lambda: sharing(llama(rope_parameters=DYNAMIC, max_position_embeddings=16)),
}
PROMPTS = {
    "a long beginning in common": [
        "What all of them begin with, " + own for own in ("one", "a second", "the third one")
    ],
    "nothing in common": ["first", "second and longer", "a third"],
    "all equal": ["the same"] * 3,
    "one": ["alone"],
    "one token each": ["a", "b", "c"],
    "one token in common with more": ["a", "ab", "abcdefgh"],
    "lengths far apart": ["a", "b" * 40, "cd"],
    "one longer than the others": [*(f"short {number}" for number in range(5)), "short and then " + "long " * 12],
}


def llama(**options: Any) -> Any:  # noqa: ANN401
    """The tiny base with other settings."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    return LlamaForCausalLM(LlamaConfig(**sizes, initializer_range=0.2, **SIZES, **options))


def tokens_of(prompts: Sequence[str]) -> list[list[int]]:
    """Tokens of texts."""
    return [TOKENIZER(prompt)["input_ids"] for prompt in prompts]


def completed(model: Any, token_lists: list[list[int]], **options: Any) -> list[list[int]]:  # noqa: ANN401
    """Complete prompts as ``BaseLLM`` does."""
    prefix = run_prefix(model, token_lists[0][: common_prefix(token_lists)]) if can_share(model) else None
    settings: dict[str, Any] = {"samples": 1, "max_new_tokens": NEW, "tokenizer": TOKENIZER}
    return decode(model, token_lists=token_lists, prefix=prefix, **settings | options)


class Closed(StoppingCriteria):  # type: ignore[misc] # transformers' base class is untyped
    """A row is finished once its own text holds the closing tag."""

    def __init__(self, prompt_length: int) -> None:
        """Know where the prompts end."""
        self.prompt_length = prompt_length

    def __call__(self, input_ids: torch.Tensor, *_: object, **__: object) -> torch.Tensor:
        """Judge (R, T)."""
        texts = TOKENIZER.batch_decode(input_ids[:, self.prompt_length :])
        return torch.tensor([closing_tag() in text for text in texts])


def generated(model: Any, token_lists: list[list[int]]) -> list[list[int]]:  # noqa: ANN401
    """What ``model.generate`` gives, each row up to its own end."""
    ids, mask = left_pad(token_lists, EOS)
    out = model.generate(
        input_ids=ids,
        attention_mask=mask,
        do_sample=False,
        max_new_tokens=NEW,
        stopping_criteria=StoppingCriteriaList([Closed(ids.shape[1])]),
    )
    rows = out[:, ids.shape[1] :].tolist()
    ends = [next((at for at, token in enumerate(row) if token == EOS or closes(token)), NEW) for row in rows]
    return [row[: end + 1] for row, end in zip(rows, ends, strict=True)]


def closing_tag() -> str:
    """What ends a completion: a letter in some tests."""
    return str(vars(decoding)["CLOSING_TAG"])


def closes(token: int) -> bool:
    """Whether a token is that letter."""
    return bool(TOKENIZER.decode([token]) == closing_tag())


def number_at(row: int, position: int) -> float:
    """A number in [0, 1) for each token of each row."""
    return random.Random(f"{row} {position}").random()


@pytest.fixture
def blank() -> Any:  # noqa: ANN401
    """All tokens equally likely, whatever came before."""
    model = sharing(support.tiny_model())
    torch.nn.init.zeros_(model.lm_head.weight)
    return model


def dictated(tokens: Sequence[int], vocabulary: int = 259) -> Callable[[int], float]:
    """Numbers that let a blank model write these tokens."""
    return lambda position: (tokens[position] + 0.5) / vocabulary


@pytest.mark.no_cover
@pytest.mark.parametrize("prompts", PROMPTS.values(), ids=PROMPTS.keys())
@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS.keys())
def test_greedy_is_what_generate_gives(
    monkeypatch: pytest.MonkeyPatch, make: Callable[[], Any], prompts: list[str]
) -> None:
    """Token by token, also where rows end early."""
    token_lists = tokens_of(prompts)
    texts, expected = [completed(make(), token_lists)], [generated(make(), token_lists)]
    monkeypatch.setattr(decoding, "CLOSING_TAG", TOKENIZER.decode(expected[0][0][3:4]))
    texts.append(completed(make(), token_lists))
    expected.append(generated(make(), token_lists))

    assert texts == expected
    assert len(texts[1][0]) <= 4


@given(
    beginning=st.lists(st.integers(3, 258), max_size=12),
    own=st.lists(st.lists(st.integers(3, 258), min_size=1, max_size=12), min_size=1, max_size=6),
)
@settings(max_examples=25, deadline=None)
def test_every_token_is_the_likeliest_of_a_whole_pass(beginning: list[int], own: list[list[int]]) -> None:
    """For any prompts, but for rounding."""
    model = MODELS["llama"]()
    token_lists = [beginning + row for row in own]
    done = completed(model, token_lists, max_new_tokens=4)

    for prompt, row in zip(token_lists, done, strict=True):
        with torch.no_grad():
            logits = model(torch.tensor([prompt + row])).logits[0, len(prompt) - 1 : -1]
        chosen = logits.gather(1, torch.tensor(row)[:, None])[:, 0]
        assert torch.allclose(chosen, logits.max(-1).values, atol=1e-4)


@pytest.mark.no_cover
@pytest.mark.parametrize("prompts", PROMPTS.values(), ids=PROMPTS.keys())
@pytest.mark.parametrize(
    "make", [MODELS[name] for name in ("llama", "adapted", "gpt2")], ids=["llama", "adapted", "gpt2"]
)
def test_logits_are_those_of_a_whole_pass(
    monkeypatch: pytest.MonkeyPatch, make: Callable[[], Any], prompts: list[str]
) -> None:
    """At every token of every one of four samples, before and after rows have left the batch."""
    seen: list[tuple[list[int], torch.Tensor]] = []

    def spy(logits: torch.Tensor, temperature: float, numbers: list[float]) -> torch.Tensor:
        seen.append(([names.get(number, -1) for number in numbers], logits))  # -1: the row is closed
        return pick(logits, temperature, numbers)

    monkeypatch.setattr(decoding, "pick", spy)
    monkeypatch.setattr(decoding, "CLOSING_TAG", "e")
    model, token_lists, samples = make(), tokens_of(prompts), 4
    rows = range(len(token_lists) * samples)
    names = {number_at(row, position): row for row in rows for position in range(NEW)}
    draws = [partial(number_at, row) for row in rows]
    done = completed(model, token_lists, samples=samples, temperature=2.0, draws=draws)

    for position, (going, logits) in enumerate(seen):
        for row, own in zip(going, logits, strict=True):
            if row >= 0:
                with torch.no_grad():
                    whole = model(torch.tensor([token_lists[row // samples] + done[row][:position]])).logits[0, -1]
                assert torch.allclose(own, whole, atol=1e-4), (row, position)
    assert len(seen[0][0]) == len(rows)


def test_finished_rows_leave_the_batch(monkeypatch: pytest.MonkeyPatch, blank: Any) -> None:  # noqa: ANN401
    """Once a fifth is finished; nobody asks for their numbers any more."""
    sizes: list[int] = []

    def spy(logits: torch.Tensor, temperature: float, numbers: list[float]) -> torch.Tensor:
        sizes.append(len(logits))
        return pick(logits, temperature, numbers)

    monkeypatch.setattr(decoding, "pick", spy)
    texts = [[70] * length + [EOS] for length in (0, 5, 5, 5, 5, 1, 1, 5, 5, 5)]
    done = completed(blank, [[5, 6, 7]] * 10, temperature=1.0, draws=list(map(dictated, texts)))

    assert done == texts
    assert sizes == [10, 10, 7, 7, 7, 7]


@pytest.mark.no_cover
@pytest.mark.parametrize("name", [name for name in MODELS if name != "frequencies by length"])  # a batch changes those
def test_numbers_draw_the_same_tokens_alone_and_in_a_batch(name: str) -> None:
    """A completion can be drawn again without the others."""
    model, token_lists = MODELS[name](), tokens_of(PROMPTS["a long beginning in common"])
    draws = [partial(number_at, row) for row in range(6)]
    together = completed(model, token_lists, samples=2, temperature=1.0, draws=draws)
    alone = [
        row
        for place, tokens in enumerate(token_lists)
        for row in completed(model, [tokens], samples=2, temperature=1.0, draws=draws[2 * place : 2 * place + 2])
    ]

    assert alone == together
    assert len(set(map(tuple, alone))) == 6


@pytest.mark.parametrize(
    "text", ["5</answer> and more", "</answer>5", "1</answer</answer>", "</</answer>", "é</answer>"]
)
def test_row_ends_at_its_closing_tag(blank: Any, text: str) -> None:  # noqa: ANN401
    """The tag spans nine tokens here; the one that completes it is the last."""
    tokens = tokens_of([text])[0]
    (done,) = completed(blank, [[5]], max_new_tokens=40, temperature=1.0, draws=[dictated(tokens + [70] * 40)])

    assert TOKENIZER.decode(done) == text.partition("</answer>")[0] + "</answer>"


def test_tag_within_one_token_ends_a_row(tiny_base: Path) -> None:
    """With what follows in the same token, which is kept among the tokens and cut from the text."""
    llm = BaseLLM(str(tiny_base), dtype="fp32", device="cpu")
    llm.tokenizer.add_tokens(["</answer>\n\n"])
    llm.model.resize_token_embeddings(260)
    torch.nn.init.zeros_(llm.model.lm_head.weight)
    tokens = [*tokens_of(["42"])[0], 259, 70, 70]
    ((_, (done,)),) = llm.complete(["How?"], temperature=1.0, draws=[[dictated(tokens, 260)]])

    assert llm.tokenizer.decode(done) == "42</answer>\n\n"


def test_row_may_end_at_once(blank: Any) -> None:  # noqa: ANN401
    """End-of-text as the first token is all that is returned; the other row goes on."""
    draws = [dictated([EOS, 70]), dictated([70] * 3)]

    assert completed(blank, [[5, 6, 7], [5, 6, 8]], max_new_tokens=3, temperature=1.0, draws=draws) == [[EOS], [70] * 3]
    assert completed(blank, [[5]], max_new_tokens=1, temperature=1.0, draws=[dictated([70])]) == [[70]]


@given(weights=st.lists(st.one_of(st.just(0.0), st.floats(0.01, 1)), min_size=1, max_size=12).filter(any))
def test_pick_gives_every_token_its_share(weights: list[float]) -> None:
    """Evenly spread numbers choose each token as often as its probability says, and none that has none."""
    shares = torch.tensor(weights) / sum(weights)
    numbers = [(place + 0.5) / 1000 for place in range(1000)]
    chosen = pick(shares.log().expand(1000, -1), 1.0, numbers)
    ends = pick(shares.log().expand(4, -1), 1.0, [0.0, 1 - 2**-53, 1 - 2**-25, 1.0])
    possible = [token for token, weight in enumerate(weights) if weight]

    assert torch.allclose(chosen.bincount(minlength=len(weights)) / 1000, shares, atol=0.0011)
    assert chosen.tolist() == sorted(chosen.tolist())
    assert ends.tolist() == [possible[0], *[possible[-1]] * 3]


def test_pick_knows_temperature() -> None:
    """Shares are powers of the probabilities; near zero only the likeliest is left, at zero no number is drawn."""
    logits = torch.tensor([[0.6, 0.3, 0.1]], dtype=torch.float64).log().float().expand(1000, -1)
    chosen = pick(logits, 0.5, [(place + 0.5) / 1000 for place in range(1000)])
    state = torch.get_rng_state()

    assert chosen.bincount().tolist() == [783, 195, 22]  # 0.36, 0.09 and 0.01 of 0.46
    assert pick(logits[:1], 1e-38, [0.999]).tolist() == pick(logits[:1], 0, None).tolist() == [0]
    assert torch.equal(state, torch.get_rng_state())
    assert set(pick(logits[:50], 1.0, None).tolist()) == {0, 1, 2}


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_nothing_is_drawn_from_logits_that_are_no_numbers(broken: float) -> None:
    """A model whose weights broke is an error, not a text."""
    with pytest.raises(OptionInvalid, match="1 of 2 rows with NaN or infinity"):
        pick(torch.tensor([[0.0, 1.0], [0.0, broken]]), 1.0, [0.5, 0.5])


def test_greedy_completions_leave_the_random_state() -> None:
    """Nothing is drawn at temperature 0; sampling follows the seed."""
    model, token_lists = MODELS["llama"](), tokens_of(PROMPTS["nothing in common"])
    state = torch.get_rng_state()
    completed(model, token_lists)
    untouched = torch.equal(state, torch.get_rng_state())
    completed(model, token_lists, temperature=1.0)

    assert (untouched, torch.equal(state, torch.get_rng_state())) == (True, False)


def test_model_says_nothing_about_sharing_when_saved(tmp_path: Path) -> None:
    """The folder is that of any other model; one that is set to another attention answers through it."""
    model = MODELS["llama"]()
    model.save_pretrained(tmp_path)
    token_lists = tokens_of(PROMPTS["all equal"])
    before = completed(model, token_lists)
    model.set_attn_implementation("eager")

    assert "shared" not in (tmp_path / "config.json").read_text()
    assert not can_share(model)
    assert completed(model, token_lists) == before


@pytest.mark.parametrize("name", ["gpt2", "qwen2", "sliding window", "frequencies by length", "whole prompts"])
def test_other_models_read_whole_prompts(name: str) -> None:
    """Where attention is more than the shared one computes, or a prefix alone would be turned otherwise."""
    assert not can_share(MODELS[name]())


@pytest.mark.no_cover
def test_two_threads_may_ask_one_model(tiny_base: Path) -> None:
    """Sharing is decided by each call: others at the same time, plain passes included, are not touched."""
    llm = BaseLLM(str(tiny_base), dtype="fp32", device="cpu")
    ids = torch.arange(3, 60)[None]

    def passed(_: str) -> list[str]:
        with torch.no_grad():
            return [str(llm.model(ids, labels=ids).loss.item()) for _ in range(20)]

    asked = [[f"thread {number} asks {own}" for own in ("this", "that other thing")] for number in range(4)]
    tasks = [*(partial(llm.batched_generate, prompts) for prompts in asked), *[partial(passed, "")] * 2]
    expected = [task() for task in tasks]
    with ThreadPoolExecutor(len(tasks)) as pool:
        together = [future.result() for future in [pool.submit(task) for task in tasks * 3]]

    assert together == expected * 3


def test_model_that_raises_stays_what_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its attention, its mode, and that gradients are computed."""
    model = MODELS["llama"]().train()
    model.model.norm.eval()
    before = [part.training for part in model.modules()]
    monkeypatch.setattr(model.lm_head, "forward", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError, match="division"):
        completed(model, [[5, 6, 7]] * 2)

    assert (can_share(model), torch.is_grad_enabled()) == (True, True)
    assert [part.training for part in model.modules()] == before


def test_model_in_training_answers_as_one_that_is_not() -> None:
    """Without dropout, with its cache in spite of gradient checkpointing; then it trains on."""
    model = adapted()
    token_lists = tokens_of(PROMPTS["a long beginning in common"])
    expected = completed(model, token_lists)
    model.train()
    enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
    enable({"use_reentrant": False})
    answered = completed(model, token_lists)

    assert answered == expected
    assert all(part.training for part in model.modules())


def test_prefix_keeps_no_gradients() -> None:
    """A graph behind it would hold the activations of the whole prefix for as long as it is used."""
    prefix = run_prefix(MODELS["llama"](), [5, 6, 7])

    assert [tensor.shape for layer in prefix for tensor in layer] == [(2, 3, 8)] * 4
    assert not any(tensor.requires_grad for layer in prefix for tensor in layer)
    assert run_prefix(MODELS["llama"](), []) == []


@pytest.mark.filterwarnings("ignore:Position ids are not supported")  # PEFT's own
@pytest.mark.parametrize("kind", ["prompt tuning", "adapter after certain tokens"])
def test_adapters_that_need_the_whole_prompt_are_refused(kind: str) -> None:
    """They would begin anew with every token, or never."""
    from peft import LoraConfig, PromptTuningConfig, get_peft_model

    config = {
        "prompt tuning": PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=2),
        "adapter after certain tokens": LoraConfig(task_type="CAUSAL_LM", alora_invocation_tokens=[7, 8]),
    }[kind]
    model = get_peft_model(sharing(support.tiny_model()), config).eval()

    with pytest.raises(OptionInvalid, match=r"adapter default of type \w+ that depends on the whole prompt"):
        completed(model, [[5, 6, 7]] * 2)


class OfOldStyle(LlamaForCausalLM):  # type: ignore[misc] # transformers' base class is untyped
    """A forward that takes neither positions nor how many logits are wanted."""

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        past_key_values: Any,  # noqa: ANN401
        use_cache: bool,  # noqa: FBT001
    ) -> Any:  # noqa: ANN401
        """Go on from the cache."""
        return super().forward(
            input_ids, attention_mask=attention_mask, past_key_values=past_key_values, use_cache=use_cache
        )


class Forgetful(OfOldStyle):
    """A forward that leaves the cache alone."""

    def forward(self, input_ids: torch.Tensor, **_: object) -> Any:  # type: ignore[override] # noqa: ANN401
        """Read the new tokens alone."""
        return LlamaForCausalLM.forward(self, input_ids)


def test_forward_is_given_what_it_takes() -> None:
    """Nothing else; and a model that does not go on from its cache is refused, where it would forget the prompt."""
    model = support.tiny_model().eval()
    expected = completed(model, [[5, 6, 7]])
    model.__class__ = OfOldStyle
    got = completed(model, [[5, 6, 7]])
    model.__class__ = Forgetful

    assert got == expected
    with pytest.raises(OptionInvalid, match="Forgetful, which holds 0 tokens of 3"):
        completed(model, [[5, 6, 7]])
