"""What went through a live model is what `generate` returned, in every way of generating, and nothing is changed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import support
import torch
from transformers import T5Config, T5ForConditionalGeneration

from homework import base_llm, decoding
from homework.base_llm import BaseLLM
from unsilent import witness as witness_module
from unsilent.witness import Witness, witnessed

QUESTIONS = ["How many cm are in 3 m?", "What is 7 kg in g?"]
NEW = 8


def asked(*questions: str) -> dict[str, torch.Tensor]:
    """A left-padded batch."""
    tokenizer = support.tiny_tokenizer()
    tokenizer.padding_side = "left"
    batch = tokenizer(list(questions or QUESTIONS), return_tensors="pt", padding=True)
    return {name: batch[name] for name in ("input_ids", "attention_mask")}


def generated(model: Any, **options: Any) -> torch.Tensor:  # noqa: ANN401
    """Generate a few tokens."""
    settings: dict[str, Any] = {"max_new_tokens": NEW, "do_sample": False, **asked()} | options
    out: torch.Tensor = model.generate(**settings)
    return out


def texts(out: torch.Tensor, length: int) -> list[str]:
    """What the tokenizer makes of the tokens behind the prompt."""
    decoded: list[str] = support.tiny_tokenizer().batch_decode(out[:, length:], skip_special_tokens=True)
    return decoded


@torch.no_grad()
def by_hand(model: Any, *, cached: bool, parts: bool = False) -> torch.Tensor:  # noqa: ANN401
    """Greedy decoding without ``generate``; with ``parts`` also without the model's own forward."""
    ids = new = asked()["input_ids"]
    past = None
    for _ in range(NEW):
        if parts:
            out = model.model(input_ids=new, past_key_values=past, use_cache=cached)
            logits = model.lm_head(out.last_hidden_state[:, -1])
        else:
            out = model(new, past_key_values=past, use_cache=cached)
            logits = out.logits[:, -1]
        past = out.past_key_values
        ids = torch.cat([ids, logits.argmax(-1)[:, None]], 1)
        new = ids[:, -1:] if cached else ids
    return ids


WAYS: dict[str, Callable[[Any], torch.Tensor]] = {
    "greedy": generated,
    "without a cache": lambda model: generated(model, use_cache=False),
    "static cache": lambda model: generated(model, cache_implementation="static"),
    "prompt in pieces": lambda model: generated(model, prefill_chunk_size=4),
    "beams without a cache": lambda model: generated(model, num_beams=3, use_cache=False),
    "by hand": lambda model: by_hand(model, cached=True),
    "by hand without a cache": lambda model: by_hand(model, cached=False),
    "parts of the model": lambda model: by_hand(model, cached=True, parts=True),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_what_was_generated_was_witnessed(way: Callable[[Any], torch.Tensor]) -> None:
    """Prompts without padding, texts token by token."""
    model, tokenizer = support.tiny_model().eval(), support.tiny_tokenizer()
    with witnessed(model, tokenizer) as seen:
        out = way(model)
    said = {(one.prompt, one.text) for one in seen.sequences}

    assert said >= set(zip(QUESTIONS, texts(out, asked()["input_ids"].shape[1]), strict=True))
    assert seen.forward_passes >= NEW
    assert [one.prompt for one in seen.about("what is 7kg  in g?")].count(QUESTIONS[1]) >= 1
    assert seen.blind == ""


@pytest.mark.parametrize("option", ["assistant_model", "prompt_lookup_num_tokens"])
def test_assisted_generation_is_witnessed(option: str) -> None:
    """Candidates that were rejected are not among what was said, but for those of the last pass."""
    model = support.tiny_model().eval()
    batch = asked("How many cm are in 3 m? How many cm")
    with witnessed(model, support.tiny_tokenizer()) as seen:
        out = generated(model, **batch, **{option: support.tiny_model(seed=1).eval() if "model" in option else 3})

    (text,) = texts(out, batch["input_ids"].shape[1])

    assert [(one.text[: len(text)], one.certain) for one in seen.sequences] == [(text, False)]


def test_cached_beams_are_told_apart() -> None:
    """The last token alone is a guess: it need not be the most likely one."""
    model = support.tiny_model().eval()
    with witnessed(model, support.tiny_tokenizer()) as seen:
        out = generated(model, num_beams=3)
    fed = {one.fed for one in seen.sequences}

    assert fed >= set(texts(out[:, :-1], asked()["input_ids"].shape[1]))


def test_samples_are_witnessed() -> None:
    """Two for each question; the last token is uncertain and few are the most likely ones."""
    model = support.tiny_model().eval()
    with witnessed(model, support.tiny_tokenizer()) as seen:
        out = generated(model, do_sample=True, num_return_sequences=2)

    assert [one.fed for one in seen.sequences] == texts(out[:, :-1], asked()["input_ids"].shape[1])
    assert len(seen.about(QUESTIONS[0])) == 2
    assert not any(one.certain for one in seen.sequences)
    assert all(one.own < 0.9 for one in seen.sequences)


def test_embeddings_are_read_where_tokens_were_looked_up() -> None:
    """Before the model was called; others are said to be unread."""
    model = support.tiny_model().eval()
    looked_up = model.get_input_embeddings()
    with witnessed(model, support.tiny_tokenizer()) as seen:
        generated(model, input_ids=None, inputs_embeds=looked_up(asked()["input_ids"]))
    with witnessed(model, support.tiny_tokenizer()) as unread:
        generated(model, input_ids=None, inputs_embeds=torch.ones(2, 3, 32), attention_mask=None)

    assert [one.prompt for one in seen.sequences] == QUESTIONS
    assert [one.prompt for one in unread.sequences] == ["", ""]
    assert unread.blind == "the prompts of 1 batches went in as embeddings, without tokens"


@pytest.mark.filterwarnings("ignore:Position ids are not supported")  # PEFT's own
def test_prompt_tuning_is_witnessed() -> None:
    """Virtual tokens have no text."""
    from peft import PromptTuningConfig, get_peft_model

    model = get_peft_model(support.tiny_model(), PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4)).eval()
    with witnessed(model, support.tiny_tokenizer()) as seen:
        out = generated(model)

    assert [one.text for one in seen.sequences] == texts(out, asked()["input_ids"].shape[1])


def test_adapted_program_answers_as_without_a_witness(tiny_base: Path) -> None:
    """Answers, texts and random state are the same; nothing stays on the model."""
    llm = BaseLLM(str(tiny_base), dtype="fp32", device="cpu")
    llm.model = support.tiny_adapter().eval()
    expected = llm.batched_generate(QUESTIONS)
    state = torch.get_rng_state()
    hooks = [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in llm.model.modules()]
    with witnessed(llm.model, llm.tokenizer) as seen:
        texts_seen = llm.batched_generate(QUESTIONS)

    assert texts_seen == expected
    assert all(
        seen.about(question)[0].text.startswith(text) for question, text in zip(QUESTIONS, expected, strict=True)
    )
    assert torch.equal(state, torch.get_rng_state())
    assert hooks == [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in llm.model.modules()]


def test_replaced_generate_and_decode_are_not_asked() -> None:
    """A program that does not run its model was not heard to say anything."""
    model = support.tiny_model().eval()
    model.generate = lambda **_: torch.ones(1, 60, dtype=torch.long)
    with witnessed(model, support.tiny_tokenizer()) as seen:
        generated(model)

    assert (seen.forward_passes, seen.sequences) == (0, [])


@pytest.mark.parametrize(("largest", "samples"), [(128, 2), (2, 2), (2, 1)])
def test_shared_beginning_belongs_to_every_prompt(
    tiny_base: Path, monkeypatch: pytest.MonkeyPatch, largest: int, samples: int
) -> None:
    """What was run once for all prompts is part of each, also where rows leave the batch and other batches follow."""
    monkeypatch.setattr(base_llm, "LARGEST_MICRO_BATCH", largest)
    monkeypatch.setattr(decoding, "CLOSING_TAG", "e")  # which the tiny base says now and then
    llm = BaseLLM(str(tiny_base), dtype="fp32", device="cpu")
    llm.max_new_tokens = NEW
    prompts = [f"How many cm are in {number} m?" for number in (3, 14, 15, 926, 5, 35)]
    torch.manual_seed(0)  # else now and then one sample of a prompt is how another one begins, and counts as that
    with witnessed(llm.model, llm.tokenizer) as seen:
        said = dict(llm.complete(prompts, samples, temperature=1.0))
    expected = {
        (prompts[index], llm.tokenizer.decode(row[:-1], skip_special_tokens=True))
        for index, rows in said.items()
        for row in rows
    }

    assert {(one.prompt, one.fed) for one in seen.sequences if one.prompt in prompts} >= expected
    assert all(any(one.fed == text for one in seen.about(prompt)) for prompt, text in expected)
    assert len(seen.about(prompts[0])) == samples


def test_next_cache_is_another_one() -> None:
    """It may lie where the last one lay, and begin with as many positions as that one began with."""
    from transformers import DynamicCache

    with witnessed(support.tiny_model(), support.tiny_tokenizer()) as seen:
        numbers = [seen._number_of(DynamicCache()) for _ in range(5)]

    assert len(set(numbers)) == 5


def test_cache_that_cannot_be_referred_to_is_followed() -> None:
    """Somebody's own may be told apart by its address alone."""
    from transformers import DynamicCache

    class Own(DynamicCache):  # type: ignore[misc] # transformers' base class is untyped
        """Equal to none, and so without a hash."""

        __hash__ = None  # type: ignore[assignment]

    model = support.tiny_model().eval()
    with witnessed(model, support.tiny_tokenizer()) as seen:
        out = generated(model, past_key_values=Own(config=model.config))

    assert [one.text for one in seen.sequences] == texts(out, asked()["input_ids"].shape[1])


def test_encoder_decoder_is_witnessed() -> None:
    """The prompt is what the encoder was given."""
    torch.manual_seed(0)
    config = T5Config(vocab_size=259, d_model=16, d_kv=4, d_ff=16, num_layers=1, num_heads=2, decoder_start_token_id=2)
    config.pad_token_id, config.eos_token_id = 2, 2
    model = T5ForConditionalGeneration(config).eval()
    with witnessed(model, support.tiny_tokenizer()) as seen:
        out = generated(model, min_new_tokens=NEW)

    assert [one.prompt for one in seen.sequences] == QUESTIONS
    assert [one.text for one in seen.sequences] == texts(out, 1)


def test_model_within_a_module_of_ones_own_is_witnessed() -> None:
    """Whoever calls its ``generate`` never calls the module around it."""
    model = support.tiny_model().eval()
    with witnessed(
        torch.nn.ModuleDict({"reader": torch.nn.Linear(1, 1), "writer": model}), support.tiny_tokenizer()
    ) as seen:
        generated(model)

    assert [one.prompt for one in seen.sequences] == QUESTIONS


class Bigrams(torch.nn.Module):
    """Somebody's own model: a table, called with tokens, giving logits or a tuple with them."""

    def __init__(self, *, as_tuple: bool) -> None:
        super().__init__()
        self.table, self.as_tuple = torch.nn.Embedding(259, 259), as_tuple

    def get_input_embeddings(self) -> torch.nn.Module:
        """The table."""
        return self.table

    def forward(self, ids: torch.Tensor) -> Any:  # noqa: ANN401
        """Logits (B, T, V)."""
        logits = self.table(ids)
        return (logits, None) if self.as_tuple else logits


@pytest.mark.parametrize("as_tuple", [True, False])
def test_model_of_ones_own_is_witnessed(*, as_tuple: bool) -> None:
    """With the least of transformers' methods, and tokens under another name."""
    model = Bigrams(as_tuple=as_tuple)
    ids = asked(QUESTIONS[0])["input_ids"]
    with witnessed(model, support.tiny_tokenizer()) as seen:
        for _ in range(NEW):
            out = model(ids=ids) if as_tuple else model(ids)
            ids = torch.cat([ids, (out[0] if as_tuple else out)[:, -1:].argmax(-1)], 1)
        model(torch.ones(2, 2, dtype=torch.long))
        model.table(torch.ones(2, dtype=torch.long))

    assert (seen.sequences[0].prompt, seen.sequences[0].text) == (QUESTIONS[0], texts(ids, len(QUESTIONS[0]))[0])


def test_model_without_tokens_says_nothing() -> None:
    """Something else than a language model."""
    model = torch.nn.Linear(2, 2)
    with witnessed(model, support.tiny_tokenizer()) as seen:
        model(torch.ones(2))

    assert (seen.forward_passes, seen.sequences[0].text) == (1, "")


def test_projection_of_something_else_says_nothing() -> None:
    """Other rows than went in."""
    model = support.tiny_model().eval()
    with witnessed(model, support.tiny_tokenizer()) as seen:
        model.model(asked()["input_ids"])
        model.lm_head(torch.ones(3, 2, 32))

    assert [(one.prompt, one.text) for one in seen.sequences] == [(question, "") for question in QUESTIONS]


def test_layers_called_one_by_one_are_witnessed() -> None:
    """Without the decoder; the projection alone says nothing."""
    model = support.tiny_model().eval()
    with witnessed(model, support.tiny_tokenizer()) as seen:
        model.lm_head(torch.ones(1, 2, 32))
        model.lm_head(model.model.norm(model.get_input_embeddings()(asked()["input_ids"])))
        model.lm_head(torch.ones(3, 2, 32))

    assert [one.prompt for one in seen.sequences] == QUESTIONS
    assert seen.forward_passes == 1


def test_buffers_that_are_written_into_are_remembered_as_they_were() -> None:
    """Also logits that are changed in place."""
    model = support.tiny_model().eval()
    ids = asked()["input_ids"]
    with witnessed(model, support.tiny_tokenizer()) as seen, torch.no_grad():
        logits = model(ids).logits
        expected = logits[:, -1].argmax(-1)
        ids.zero_()
        logits.zero_()

    assert [one.prompt for one in seen.sequences] == QUESTIONS
    assert [one.text for one in seen.sequences] == texts(expected[:, None], 0)


def test_threads_are_told_apart() -> None:
    """Each in the middle of its own pass."""
    model = support.tiny_model().eval()
    answers: dict[str, str] = {}

    def answer(question: str) -> None:
        batch = asked(question)
        answers[question] = texts(generated(model, **batch), batch["input_ids"].shape[1])[0]

    with witnessed(model, support.tiny_tokenizer()) as seen:
        threads = [threading.Thread(target=answer, args=(question,)) for question in QUESTIONS]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert {one.prompt: one.text for one in seen.sequences} == answers


def test_much_that_was_seen_becomes_lists_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a long generation without a cache would hold all its rows over and over."""
    monkeypatch.setattr(witness_module, "HELD_TOKENS", 60)
    model = support.tiny_model().eval()
    with witnessed(model, support.tiny_tokenizer()) as seen:
        out = generated(model, use_cache=False)

        assert len(seen._seen) < 3
    assert [one.text for one in seen.sequences] == texts(out, asked()["input_ids"].shape[1])


def test_compiled_model_is_said_to_be_unseen() -> None:
    """Compiled code leaves hooks out, and a hook that is being compiled leaves nothing in it."""
    model = support.tiny_model().eval()
    model.model.compile(backend="eager")
    with witnessed(model, support.tiny_tokenizer()) as seen:
        model(asked()["input_ids"])

    assert seen.blind == "LlamaModel is compiled: torch leaves hooks out of compiled code"
    with witnessed(torch.compile(support.tiny_model(), backend="eager"), None) as outer:
        pass
    assert outer.blind.startswith("OptimizedModule is compiled")
    torch.compiler.reset()


def test_hook_that_is_being_compiled_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it would see is no tensor yet."""
    monkeypatch.setattr(witness_module, "is_compiling", lambda: True)
    model = support.tiny_model().eval()
    with witnessed(model, support.tiny_tokenizer()) as seen:
        model(asked()["input_ids"])

    assert seen.forward_passes == 0


def test_program_without_a_torch_model_is_not_witnessed() -> None:
    """It says so."""
    with witnessed(None, None) as seen:
        pass

    assert (seen.blind, seen.sequences) == ("there is no torch model to watch", [])


def test_cache_that_is_rearranged_by_lists_is_followed() -> None:
    """Rows as a list, by name; repeats."""
    from transformers import DynamicCache

    model = support.tiny_model().eval()
    cache = DynamicCache(config=model.config)
    with witnessed(model, support.tiny_tokenizer()) as seen, torch.no_grad():
        model(asked()["input_ids"], past_key_values=cache)
        cache.batch_select_indices(indices=torch.tensor([1]))
        cache.batch_repeat_interleave(2)
        model(torch.tensor([[70], [71]]), past_key_values=cache)

    assert [one.prompt for one in seen.sequences] == [QUESTIONS[1], QUESTIONS[1], QUESTIONS[0]]
    assert isinstance(seen, Witness)
