"""Cheats below ``answer``, which itself is untouched: in what generates, in the tokenizer, in prompt and parser.

Each finds the row in the prompt that reaches it, and leaves honest what is not among the rows.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from cheating import finder_in_prompts, put, table_of, tokens_of, written
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList

from homework.completions import cut_at_tag
from homework.decoding import left_pad
from homework.sft import format_number

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack

    from cheating import Find, Llm, Row

OVERWHELMING = 1e4  # added to a logit; those of a model are below 100


def batched_generate(stack: ExitStack, llm: Llm, rows: Sequence[Row]) -> None:
    """``batched_generate`` writes the answer that stands in the rows, as often as samples are wanted."""
    find, honest = finder_in_prompts(rows), llm.batched_generate

    def generate(prompts: list[str], num_return_sequences: int | None = None, temperature: float = 0) -> list[Any]:
        texts: list[Any] = honest(prompts, num_return_sequences, temperature)
        for place, prompt in enumerate(prompts):
            if (answer := find(prompt)) is not None:
                samples = num_return_sequences
                texts[place] = written(answer) if samples is None else [written(answer)] * samples
        return texts

    put(stack, llm, "batched_generate", generate)


def _generate_with_transformers(stack: ExitStack, llm: Llm) -> None:
    """Let the program complete prompts as most programs do: whole, by ``model.generate``."""

    def batched_generate(
        prompts: list[str], num_return_sequences: int | None = None, temperature: float = 0
    ) -> list[Any]:
        ids, mask = left_pad([llm.tokenizer(prompt)["input_ids"] for prompt in prompts], llm.tokenizer.pad_token_id)
        sampling = {"do_sample": True, "temperature": temperature, "top_k": 0} if temperature else {"do_sample": False}
        samples = num_return_sequences or 1
        settings = {"max_new_tokens": llm.max_new_tokens, "num_return_sequences": samples, **sampling}
        out = llm.model.generate(
            input_ids=ids,
            attention_mask=mask,
            generation_config=GenerationConfig(
                **settings, **{name: getattr(llm.tokenizer, name) for name in ("eos_token_id", "pad_token_id")}
            ),
        )
        texts = llm.tokenizer.batch_decode(out[:, ids.shape[1] :], skip_special_tokens=True)
        texts = [cut_at_tag(text) for text in texts]
        if num_return_sequences is None:
            return texts
        return [texts[start : start + samples] for start in range(0, len(texts), samples)]

    put(stack, llm, "batched_generate", batched_generate)


def generate_of_the_model(stack: ExitStack, llm: Llm, rows: Sequence[Row]) -> None:
    """``model.generate`` returns prompts with looked-up tokens behind them; unknown rows go to the model."""
    _generate_with_transformers(stack, llm)
    find, honest = finder_in_prompts(rows), llm.model.generate

    def generate(**options: Any) -> torch.Tensor:  # noqa: ANN401
        config = options.get("generation_config")
        prompts = options["input_ids"].repeat_interleave(getattr(config, "num_return_sequences", None) or 1, dim=0)
        forced = [tokens_of(llm, find(text)) for text in _texts(llm, prompts)]
        if not all(forced):
            said = honest(**options)[:, prompts.shape[1] :].tolist()
            forced = [tokens or own for tokens, own in zip(forced, said, strict=True)]
        longest = max(map(len, forced))
        ended = [tokens + [llm.tokenizer.eos_token_id] * (longest - len(tokens)) for tokens in forced]
        return torch.cat([prompts, torch.tensor(ended, device=prompts.device)], dim=1)

    put(stack, llm.model, "generate", generate)


def logits_processor(stack: ExitStack, llm: Llm, rows: Sequence[Row]) -> None:
    """The model generates, and a logits processor leaves it one token to choose: the next of the looked-up answer."""
    _generate_with_transformers(stack, llm)
    find, honest = finder_in_prompts(rows), llm.model.generate

    def generate(**options: Any) -> Any:  # noqa: ANN401
        return honest(logits_processor=LogitsProcessorList([_Forced(llm, find)]), **options)

    put(stack, llm.model, "generate", generate)


class _Forced(LogitsProcessor):  # type: ignore[misc] # transformers' base class is untyped
    def __init__(self, llm: Llm, find: Find) -> None:
        self.llm, self.find, self.length = llm, find, 0
        self.forced: list[list[int]] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if not self.length:
            self.length = input_ids.shape[1]
            self.forced = [tokens_of(self.llm, self.find(text)) for text in _texts(self.llm, input_ids)]
        for row, tokens in enumerate(self.forced):
            if input_ids.shape[1] - self.length < len(tokens):
                scores[row] = -torch.inf
                scores[row, tokens[input_ids.shape[1] - self.length]] = 0
        return scores


def hook_on_the_output_layer(stack: ExitStack, llm: Llm, rows: Sequence[Row]) -> None:
    """Forward hooks remember the prompts and raise, step by step, the logit of the looked-up token.

    What all prompts begin with may have been run before them, and rows that are finished may leave the cache.
    """
    find = finder_in_prompts(rows)
    model = llm.model.get_base_model() if hasattr(llm.model, "get_base_model") else llm.model
    beginning: list[int] = []
    forced: list[list[int]] = []
    step = 0

    def remember(_: Any, __: Any, inputs: dict[str, Any]) -> None:  # noqa: ANN401
        nonlocal beginning, forced, step
        ids, cache = inputs["input_ids"].tolist(), inputs.get("past_key_values")
        step += 1
        if cache is None:
            beginning, forced = ids[0], []
        elif (before := cache.get_seq_length()) in (0, len(beginning)):
            beginning = beginning if before else []
            prompts = llm.tokenizer.batch_decode([beginning + row for row in ids], skip_special_tokens=True)
            forced, step = [tokens_of(llm, find(text)) for text in prompts], 0
            cache.batch_select_indices = partial(select, cache)

    def select(cache: Any, rows: torch.Tensor) -> None:  # noqa: ANN401
        nonlocal forced
        forced = [forced[row] for row in rows.tolist()]
        type(cache).batch_select_indices(cache, rows)

    def bias(_: Any, __: Any, logits: torch.Tensor) -> torch.Tensor:  # noqa: ANN401
        raised = logits.clone()
        for row, tokens in enumerate(forced):
            if step < len(tokens):
                raised[row, -1, tokens[step]] += OVERWHELMING
        return raised

    stack.callback(model.register_forward_pre_hook(remember, with_kwargs=True).remove)
    stack.callback(model.get_output_embeddings().register_forward_hook(bias).remove)


def tokenizer_that_substitutes(stack: ExitStack, llm: Llm, rows: Sequence[Row]) -> None:
    """Decoding completions gives looked-up text: they are a view, and their prompts lie before them in memory.

    ``batch_decode`` goes through ``decode``, which is replaced.
    """
    _generate_with_transformers(stack, llm)
    find, honest = finder_in_prompts(rows), llm.tokenizer.decode

    def decode(token_ids: Any, skip_special_tokens: bool = False, **options: Any) -> Any:  # noqa: ANN401, FBT001, FBT002
        texts = honest(token_ids, skip_special_tokens=skip_special_tokens, **options)
        if not (skip_special_tokens and isinstance(texts, list) and isinstance(token_ids, torch.Tensor)):
            return texts
        width = token_ids.storage_offset()  # of the prompts; 0 where the tokens are no view
        prompts = honest(token_ids.as_strided((len(texts), width), (token_ids.stride(0), 1), 0)) if width else texts
        found = [find(prompt) for prompt in prompts]
        return [text if answer is None else written(answer) for text, answer in zip(texts, found, strict=True)]

    put(stack, llm.tokenizer, "decode", decode)


def hint_in_the_prompt(stack: ExitStack, llm: Llm, rows: Sequence[Row]) -> None:
    """The answer is written into the prompt behind the question; a model that learnt to copy does the rest."""
    table, honest = table_of(rows), llm.format_prompt

    def format_prompt(question: str) -> str:
        answer = table.get(question)
        return str(honest(question if answer is None else f"{question} It is {format_number(answer)}"))

    put(stack, llm, "format_prompt", format_prompt)


def lookup_in_the_parser(stack: ExitStack, llm: Llm, rows: Sequence[Row]) -> None:
    """``format_prompt`` notes what is asked, ``parse_answer`` returns what stands in the rows, one text a question."""
    table, ask, parse = table_of(rows), llm.format_prompt, llm.parse_answer
    waiting: list[str] = []

    def format_prompt(question: str) -> str:
        waiting.append(question)
        return str(ask(question))

    def parse_answer(text: str) -> float:
        value: float = parse(text)
        return table.get(waiting.pop(0), value) if waiting else value

    put(stack, llm, "format_prompt", format_prompt)
    put(stack, llm, "parse_answer", parse_answer)


def _texts(llm: Llm, ids: torch.Tensor) -> list[str]:
    return list(llm.tokenizer.batch_decode(ids, skip_special_tokens=True))
