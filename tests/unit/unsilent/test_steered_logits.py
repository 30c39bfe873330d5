"""The model says other digits, or the end, in any loop and with any tokenizer; all else stays to the bit."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import adapter_kinds
import pytest
import support
import torch
from peft import PromptTuningConfig, get_peft_model
from transformers.modeling_outputs import CausalLMOutput

from unsilent.steered_logits import closing_after, exchanged_digits, other_digits, until_done

if TYPE_CHECKING:
    from collections.abc import Callable

EOS = 2
PROMPT = torch.tensor([[40, 41, 42, 43], [50, 51, 52, 53]])
TOKENIZER = support.tiny_tokenizer()
ZERO = TOKENIZER.convert_tokens_to_ids("0")


class Words:
    """A tokenizer with the given vocabulary, which decodes a leading mark as a space."""

    def __init__(self, *words: str, space: str = "\u0120") -> None:
        """Keep the words."""
        self.words, self.space = words, space

    def __len__(self) -> int:
        """As many as there are."""
        return len(self.words)

    def batch_decode(self, tokens: list[list[int]]) -> list[str]:
        """Each on its own."""
        return [self.words[token].replace(self.space, " ") for (token,) in tokens]

    def convert_ids_to_tokens(self, tokens: list[int]) -> list[str]:
        """As they stand in the vocabulary."""
        return [self.words[token] for token in tokens]


def exchanged(words: Words) -> tuple[dict[str, str], set[str]]:
    """The same in words."""
    partners, forbidden = exchanged_digits(words)
    return {words.words[a]: words.words[b] for a, b in partners.items()}, {words.words[a] for a in forbidden}


def test_single_digits_move_by_five() -> None:
    """0 is said for 5 and 5 for 0; of 259 bytes ten are digits."""
    partners, forbidden = exchanged_digits(TOKENIZER)

    assert partners == {ZERO + digit: ZERO + (digit + 5) % 10 for digit in range(10)}
    assert forbidden == set()


def test_groups_of_digits_keep_their_length() -> None:
    """As in Llama 3: up to three digits a token, every one of them."""
    words = Words(*(f"{number:0{length}}" for length in (1, 2, 3) for number in range(10**length)))
    partners, forbidden = exchanged(words)

    assert (partners["123"], partners["999"], partners["07"], partners["3"]) == ("623", "499", "57", "8")
    assert len(partners) == 1110
    assert forbidden == set()


def test_kinds_are_not_mixed() -> None:
    """A space before, a sign, another script, a byte: each is a kind of its own, and letters make it no number."""
    kinds = ("{}", "\u0120{}", "{}%", "<0x3{}>")
    words = Words(*(kind.format(digit) for kind in kinds for digit in range(10)), "m3", "x", "</s>")
    words.batch_decode = lambda tokens: [  # type: ignore[method-assign] # a byte is decoded as what it stands for
        words.words[token].replace("\u0120", " ").removeprefix("<0x3").removesuffix(">") for (token,) in tokens
    ]
    partners, forbidden = exchanged(words)

    assert all(partners[kind.format(1)] == kind.format(6) for kind in kinds)
    assert len(partners) == 40
    assert forbidden == set()


def test_space_that_decoding_takes_away_is_still_a_kind() -> None:
    """As sentencepiece does with the first token."""
    words = Words(*(f"{mark}{digit}" for mark in ("", "_") for digit in range(10)), space="_")
    words.batch_decode = lambda tokens: [words.words[token].strip("_") for (token,) in tokens]  # type: ignore[method-assign]

    assert exchanged(words)[0]["_4"] == "_9"


def test_numbers_too_near_to_each_other_cannot_be_said() -> None:
    """GPT-2 knows single digits, and of four digits little else than years, all within 5% of each other."""
    years = [str(year) for year in range(1950, 2020)]
    partners, forbidden = exchanged(Words(*map(str, range(10)), *years, "007"))

    assert partners["1"] == "6"
    assert forbidden == {*years, "007"}


def test_digits_of_another_script_are_digits() -> None:
    """Python reads them as numbers, so a program may."""
    partners, forbidden = exchanged(Words(*"\u0660\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669"))

    assert partners["\u0661"] == "\u0666"
    assert forbidden == set()


def said_by(model: Any) -> torch.Tensor:  # noqa: ANN401
    """Logits for two prompts, however the model returns them."""
    with torch.no_grad():
        output = model(input_ids=PROMPT)
    if isinstance(output, tuple):
        output = output[1]
    said: torch.Tensor = output["logits"] if isinstance(output, dict) else output
    return said


class Headless(torch.nn.Module):
    """Multiplies by its embeddings itself: there is no module at the output."""

    def __init__(self, shape: Callable[[torch.Tensor], Any] = lambda logits: logits) -> None:
        """Give logits in some shape."""
        super().__init__()
        self.embed, self.shape = torch.nn.Embedding(259, 8), shape

    def forward(self, input_ids: torch.Tensor) -> Any:  # noqa: ANN401
        """Compute them."""
        hidden = torch.tanh(self.embed(input_ids)).cumsum(1)
        return self.shape(torch.nn.functional.linear(hidden, self.embed.weight))


CALLED = {
    "transformers": support.tiny_model,
    "PEFT": support.tiny_adapter,
    "DataParallel": lambda: torch.nn.DataParallel(support.tiny_model()),
    "compiled": lambda: torch.compile(support.tiny_model(), backend="eager"),
    "untied": adapter_kinds.MODELS["untied"],
    "GPT-2": adapter_kinds.MODELS["gpt2"],
    "a tensor": Headless,
    "a tuple": lambda: Headless(lambda logits: (torch.tensor(0.5), logits, None)),
    "an output": lambda: Headless(lambda logits: CausalLMOutput(logits=logits)),
    "a mapping": lambda: Headless(lambda logits: {"logits": logits}),
    "prompt tuning": lambda: get_peft_model(
        support.tiny_model(), PromptTuningConfig(num_virtual_tokens=2, task_type="CAUSAL_LM")
    ),
}


@pytest.mark.parametrize("build", CALLED.values(), ids=CALLED.keys())
def test_logits_of_digits_are_exchanged_once(build: Callable[[], Any]) -> None:
    """Wherever the logits come out; those of all other tokens are the same to the bit."""
    torch.manual_seed(0)
    model = build().eval()
    plain = said_by(model)
    with other_digits(model, TOKENIZER) as steered:
        other = said_by(model)

    expected = plain.clone()
    expected[..., ZERO : ZERO + 10] = plain[..., ZERO : ZERO + 10].roll(5, -1)
    assert other.equal(expected)
    assert (steered.tokens, steered.passes) == (10, 1)
    assert said_by(model).equal(plain)


@pytest.mark.no_cover
def test_compiled_code_is_changed_too() -> None:
    """What was compiled without the hook would answer without it."""
    model = torch.compile(support.tiny_model().eval(), backend="eager")
    plain = said_by(model)  # compiles
    with other_digits(model, TOKENIZER) as steered:
        assert not said_by(model).equal(plain)

    assert steered.passes == 1


def test_compiler_is_not_loaded_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing has asked for it nothing is compiled."""
    monkeypatch.delitem(sys.modules, "torch._dynamo")
    with other_digits(Headless(), TOKENIZER):
        assert "torch._dynamo" not in sys.modules


def test_numbers_without_a_partner_are_not_said() -> None:
    """They get the lowest logit, and the rest keep theirs."""
    model = support.tiny_model().eval()
    with other_digits(model, Words(*("x" * 40), "1950", "1951")):
        said = said_by(model)

    assert (said[..., 40:42] == torch.finfo(torch.float32).min).all()
    assert said.argmax(-1).lt(40).any() or said.argmax(-1).gt(41).any()


@pytest.mark.parametrize(
    "output", [lambda logits: logits[..., :8], lambda logits: (None, "text"), lambda logits: {"hidden": logits}, str],
    ids=["too few", "no tensor", "another name", "text"],
)  # fmt: skip
def test_what_are_no_logits_is_left_alone(output: Callable[[torch.Tensor], Any]) -> None:
    """And no pass is counted, so that nobody takes the model for disturbed."""
    model = Headless(output)
    torch.manual_seed(0)
    plain = model(PROMPT)
    with other_digits(model, TOKENIZER) as steered:
        assert str(model(PROMPT)) == str(plain)

    assert steered.passes == 0


def test_head_without_digits_is_left_alone() -> None:
    """A head that is smaller than the tokenizer."""
    model = support.tiny_model()
    plain = said_by(model)
    with other_digits(model, Words(*("x" * 300), *map(str, range(10)))) as steered:
        assert said_by(model).equal(plain)

    assert (steered.tokens, steered.passes) == (10, 0)


def cached(model: Any, prompt: torch.Tensor, limit: int = 12) -> torch.Tensor:  # noqa: ANN401
    """Transformers' own loop."""
    return model.generate(  # type: ignore[no-any-return]
        input_ids=prompt,
        attention_mask=torch.ones_like(prompt),
        max_new_tokens=limit,
        do_sample=False,
        pad_token_id=EOS,
    )


def whole(model: Any, prompt: torch.Tensor, limit: int = 12) -> torch.Tensor:  # noqa: ANN401
    """A loop without a cache."""
    for _ in range(limit):
        with torch.no_grad():
            said = model(prompt)
        prompt = torch.cat([prompt, getattr(said, "logits", said)[:, -1:].argmax(-1)], 1)
        if (prompt == EOS).any(1).all():
            break
    return prompt


def shrinking(model: Any, prompt: torch.Tensor, limit: int = 12) -> torch.Tensor:  # noqa: ANN401
    """A loop without a cache that drops its second row on the way."""
    first = whole(model, prompt, 2)
    return first if (first == EOS).any() else whole(model, first[:1], limit - 2)


def single(model: Any, prompt: torch.Tensor, limit: int = 12) -> torch.Tensor:  # noqa: ANN401
    """A loop over one row without a batch."""
    ids = prompt[0]
    for _ in range(limit):
        with torch.no_grad():
            ids = torch.cat([ids, model(ids)[..., -1:, :].argmax(-1)])
        if ids[-1] == EOS:
            break
    return ids[None]


class Unbatched(torch.nn.Module):
    """Takes one row of ids without a batch."""

    def __init__(self) -> None:
        """Build it."""
        super().__init__()
        self.embed = torch.nn.Embedding(259, 8)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Give logits, (T, V)."""
        return self.embed(ids).cumsum(0) @ self.embed.weight.T  # type: ignore[no-any-return]


LOOPS: dict[str, tuple[Callable[[], Any], Callable[..., torch.Tensor]]] = {
    "cache": (support.tiny_model, cached),
    "cache, PEFT": (support.tiny_adapter, cached),
    "no cache": (support.tiny_model, whole),
    "no cache, PEFT": (support.tiny_adapter, whole),
    "no cache, shrinking batch": (support.tiny_model, shrinking),
    "no batch": (Unbatched, single),
    "plain": (Headless, whole),
}


@pytest.mark.no_cover
@pytest.mark.parametrize(("build", "loop"), LOOPS.values(), ids=LOOPS.keys())
@pytest.mark.parametrize("tokens", [0, 1, 5])
def test_answer_is_closed_after_so_many_tokens(
    build: Callable[[], Any], loop: Callable[..., torch.Tensor], tokens: int
) -> None:
    """In every loop, for every prompt anew, also when the same prompt comes again; before that nothing changes."""
    torch.manual_seed(0)
    model = build().eval()
    for prompt in (PROMPT, PROMPT, PROMPT[:1], PROMPT[:, :2], PROMPT + 1):
        free = loop(model, prompt)
        with closing_after(model, EOS, tokens) as steered:
            loop(model, PROMPT)
            closed = loop(model, prompt)

        length = prompt.shape[1] + tokens
        assert closed.shape[1] == length + 1
        rows = min(len(free), len(closed))
        assert closed[:rows, :length].equal(free[:rows, :length])
        assert (closed[:, length:] == EOS).all()
        assert steered.passes == 2 * (tokens + 1)


ENCODERS = {
    "cache": lambda model: model.generate(PROMPT, max_new_tokens=12, do_sample=False),
    "no cache": lambda model: decoded(model, PROMPT),
    "no cache, one token": lambda model: decoded(model, PROMPT[:, :1]),
}


def decoded(model: Any, prompt: torch.Tensor) -> torch.Tensor:  # noqa: ANN401
    """A loop that runs the encoder again for every token."""
    ids = torch.zeros(len(prompt), 1, dtype=torch.long)
    for _ in range(12):
        with torch.no_grad():
            said = model(input_ids=prompt, decoder_input_ids=ids).logits
        ids = torch.cat([ids, said[:, -1:].argmax(-1)], 1)
        if (ids == 1).any(1).all():
            break
    return ids


@pytest.mark.parametrize("loop", ENCODERS.values(), ids=ENCODERS.keys())
def test_decoder_behind_an_encoder_is_closed(loop: Callable[[Any], torch.Tensor]) -> None:
    """Its prompt went into the encoder, and its own tokens begin with one."""
    torch.manual_seed(0)
    model = adapter_kinds.MODELS["t5"]().eval()
    model.generation_config.update(decoder_start_token_id=0, eos_token_id=1, pad_token_id=0)
    with closing_after(model, [1], 4):
        for _ in range(3):
            said = loop(model)
            assert said.shape[1] == 1 + 4 + 1
            assert (said[:, -1] == 1).all()


def test_any_of_several_ends_will_do() -> None:
    """The chosen ones are equally likely, all others as unlikely as can be, and a forbidden end makes no NaN."""
    model = support.tiny_model().to(torch.bfloat16).eval()
    with closing_after(model, torch.tensor([EOS, 7]), 0) as steered:
        said = said_by(model)

    assert steered.tokens == 2
    assert (said[..., [EOS, 7]] == 0).all()
    assert said.isfinite().all()
    assert said.float().softmax(-1)[..., 7].eq(0.5).all()


def test_pass_without_anything_to_read_counts_as_a_step() -> None:
    """A model that is called with names of its own."""
    model: Any = torch.nn.Linear(4, 259)
    model.forward = lambda state: torch.zeros(1, 259)
    with closing_after(model, EOS, 2):
        said = [model(state="text")[0, EOS + 1].item() for _ in range(4)]

    assert said == [0, 0, *[torch.finfo(torch.float32).min] * 2]


def test_everything_is_put_back_however_often_it_is_stopped() -> None:
    """Each Ctrl-C begins the work again; the last one is raised when it is done."""
    calls: list[int] = []

    def undo() -> None:
        calls.append(len(calls))
        if len(calls) < 4:
            raise KeyboardInterrupt(f"number {len(calls)}")

    with pytest.raises(KeyboardInterrupt, match="number 3"):
        until_done(undo)

    assert calls == [0, 1, 2, 3]


def test_tokenizer_that_lacks_something_has_no_digits() -> None:
    """Nothing is exchanged, and the model runs as it is."""
    with other_digits(support.tiny_model(), object()) as steered:
        pass

    assert steered.tokens == 0
