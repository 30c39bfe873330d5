"""A base model in a stated dtype that answers questions with numbers.

The interface is the course's: ``generate`` and ``batched_generate`` take prompts as they are, ``answer`` formats,
generates and parses. Batches give the answers that single prompts give: padding is always on the left, prompts are
sorted by length and the answers put back in order, and every row ends at its own ``</answer>``. What all prompts begin
with is run once (``decoding.py``).

    python -m homework.base_llm test

Shapes: B rows, T tokens, N samples per prompt.
"""

from __future__ import annotations

import math
import os
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar, overload

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from .checkpoints import quiet_transformers, resolve_checkpoint
from .completions import cut_at_tag, parse_answer
from .decoding import decode, run_prefix
from .devices import default_device
from .errors import BaseModelMissing, OptionInvalid
from .precision import choose_precision, dtype_named
from .shared_prefix import can_share, common_prefix, let_share, room_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .decoding import Draw

# Keys, values, attention scores and logits of one micro-batch stay below this; 128 rows of 60 tokens of the 135M need
# 0.4 GB.
GENERATION_BYTES = 2**30
LARGEST_MICRO_BATCH = 128
FIRST_PROCESS = os.getpid()  # another number later on: this process was forked

BatchT = TypeVar("BatchT")


class BaseLLM:
    """A language model that answers unit conversions.

    Attributes:
        model: The transformers (or PEFT) model, in evaluation mode.
        tokenizer: Its tokenizer, padding on the left.
        device: Where the model lies.
        checkpoint: Which base was loaded and why.
        max_new_tokens: Upper bound of generated tokens an answer.
        model_record: Which model this is, in the words of the record beside sampled rows; empty where nobody asked.
    """

    max_new_tokens = 50  # the course's
    model_record: Mapping[str, Any] = MappingProxyType({})

    def __init__(
        self,
        checkpoint: str | None = None,
        *,
        dtype: torch.dtype | str | None = None,
        torch_dtype: torch.dtype | str | None = None,
        use_fp32_for_training: bool = False,
        device: torch.device | str | None = None,
    ) -> None:
        """Load a base model.

        Args:
            checkpoint: A folder, a hub name, ``embedded``, or None for the order in ``checkpoints.py``.
            dtype: Weights' dtype; None chooses bf16 where the hardware has it, else fp32.
            torch_dtype: Older name of ``dtype``.
            use_fp32_for_training: The reports' name for ``dtype=torch.float32``.
            device: Where to put the model; None takes the best there is.

        Raises:
            BaseModelMissing: The base could not be had.
            OptionInvalid: Names for the dtype that contradict each other, or name none.
        """
        self.device = torch.device(device) if device is not None else default_device()
        chosen = _agree(dtype, torch_dtype, "fp32" if use_fp32_for_training else None)
        chosen = chosen or dtype_named(choose_precision(self.device).base_dtype)
        self.checkpoint = resolve_checkpoint(checkpoint)
        with quiet_transformers():
            self.model: Any = load_model(self.checkpoint.path, chosen, self.device)
            self.tokenizer = load_tokenizer(self.checkpoint.path)

    def format_prompt(self, question: str) -> str:
        """Turn a question into a prompt; the plain base takes it as it is."""
        return question

    def parse_answer(self, text: str) -> float:
        """Read the number out of a completion; NaN when there is none."""
        return parse_answer(text)

    def generate(self, prompt: str) -> str:
        """Complete one prompt greedily."""
        return self.batched_generate([prompt])[0]

    @overload
    def batched_generate(
        self, prompts: list[str], num_return_sequences: None = None, temperature: float = 0
    ) -> list[str]: ...

    @overload
    def batched_generate(
        self, prompts: list[str], num_return_sequences: int, temperature: float = 0
    ) -> list[list[str]]: ...

    def batched_generate(
        self, prompts: list[str], num_return_sequences: int | None = None, temperature: float = 0
    ) -> list[str] | list[list[str]]:
        """Complete every prompt; the completion alone is returned, up to and with its ``</answer>``.

        Args:
            prompts: Formatted prompts, in any number.
            num_return_sequences: Samples per prompt; None returns one text instead of a list for each.
            temperature: 0 is greedy; above it, plain sampling from the softmax at that temperature.

        Returns:
            One text, or N texts, for each prompt, in the order given.

        Raises:
            OptionInvalid: A negative temperature, fewer than 1 sample, several greedy samples, or an empty prompt.
        """
        samples = 1 if num_return_sequences is None else num_return_sequences
        done: dict[int, list[str]] = {}
        for index, completions in self.complete(prompts, samples, temperature, progress=True):
            texts = self.tokenizer.batch_decode(completions, skip_special_tokens=True)
            done[index] = [cut_at_tag(text) for text in texts]
        if num_return_sequences is None:
            return [done[index][0] for index in range(len(prompts))]
        return [done[index] for index in range(len(prompts))]

    def complete(
        self,
        prompts: Sequence[str],
        samples: int = 1,
        temperature: float = 0.0,
        *,
        draws: Sequence[Sequence[Draw]] | None = None,
        progress: bool = False,
    ) -> Iterator[tuple[int, list[list[int]]]]:
        """Complete prompts micro-batch by micro-batch, in the order of their lengths.

        Args:
            prompts: Formatted prompts, in any number: memory is bounded by the micro-batch.
            samples: N, per prompt.
            temperature: 0 is greedy.
            draws: For each prompt N functions, position -> number in [0, 1), that decide each token; None draws from
                torch's random state.
            progress: Whether to show a bar on a terminal.

        Yields:
            Position of a prompt and its N completions as tokens, once for each prompt, as they are finished. The last
            token is end-of-text, or the one that closed the answer, unless ``max_new_tokens`` came first.

        Raises:
            OptionInvalid: As ``batched_generate``.
        """
        token_lists = [list(self.tokenizer(prompt)["input_ids"]) for prompt in prompts]
        _check_sampling(prompts, token_lists, samples, temperature)
        if not prompts:
            return
        shared = common_prefix(token_lists)
        prefix = run_prefix(self.model, token_lists[0][:shared]) if can_share(self.model) else None
        batches = list(self._micro_batches(token_lists, samples, shared if prefix else 0))
        for batch, at_once in _progress(batches, shown=progress):
            rows: list[list[list[int]]] = [[] for _ in batch]
            for start in range(0, samples, at_once):
                end = min(start + at_once, samples)
                done = decode(
                    self.model,
                    self.tokenizer,
                    [token_lists[index] for index in batch],
                    prefix=prefix,
                    samples=end - start,
                    max_new_tokens=self.max_new_tokens,
                    temperature=temperature,
                    draws=[draw for index in batch for draw in draws[index][start:end]] if draws else None,
                )
                for place, row in enumerate(done):
                    rows[place // (end - start)].append(row)
            yield from zip(batch, rows, strict=True)

    def answer(self, *questions: str) -> list[float]:
        """Answer questions: format, generate, parse. NaN where the completion holds no number."""
        prompts = [self.format_prompt(question) for question in questions]
        return [self.parse_answer(text) for text in self.batched_generate(prompts)]

    def _micro_batches(
        self, token_lists: list[list[int]], samples: int, shared: int
    ) -> Iterator[tuple[list[int], int]]:
        """Cut the prompts, sorted by length, where the next one's rows would exceed the memory bound.

        Yields:
            Positions of prompts, and how many of their samples may be drawn at once: fewer than all only where a single
            prompt has too many.
        """
        batch: list[int] = []
        most = 0
        for index in sorted(range(len(token_lists)), key=lambda index: len(token_lists[index])):
            before, most = most, self._most_rows(len(token_lists[index]), shared)
            if batch and (len(batch) + 1) * samples > most:
                yield batch, min(samples, before)
                batch = []
            batch.append(index)
        yield batch, min(samples, most)

    def _most_rows(self, length: int, shared: int) -> int:
        """How many rows of prompts of this length may run at once; ``shared`` tokens of it are run once for all."""
        config: Any = self.model.config
        heads: int = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        head_size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        own = length - shared
        numbers: int = (
            2 * config.num_hidden_layers * heads * head_size * room_for(own + self.max_new_tokens)  # keys and values
            + 2 * config.num_attention_heads * own * length  # scores and their softmax
            + 3 * config.vocab_size  # logits, probabilities and their sums
        )
        element = 4  # bytes: fp32, or less
        return max(1, min(LARGEST_MICRO_BATCH, GENERATION_BYTES // (numbers * element)))


def _check_sampling(prompts: Sequence[str], token_lists: list[list[int]], samples: int, temperature: float) -> None:
    complaint = ""
    empty = [index for index, tokens in enumerate(token_lists) if not (tokens and prompts[index])]
    if not (math.isfinite(temperature) and temperature >= 0):
        complaint = f"temperature {temperature}"
    elif samples < 1:
        complaint = f"num_return_sequences {samples}"
    elif samples > 1 and temperature == 0:
        complaint = f"{samples} samples at temperature 0, which would all be the same text"
    elif empty:
        complaint = f"an empty prompt at position {empty[0]}"
    if complaint:
        raise OptionInvalid(
            expected="prompts with text, at least 1 sample, a finite temperature, above 0 for several samples",
            got=complaint,
            where="batched_generate",
            action="correct the argument",
        )


def _progress(batches: list[BatchT], *, shown: bool) -> Iterator[BatchT]:
    """Show a bar on a terminal when there is more than one batch."""
    from tqdm import tqdm  # noqa: PLC0415 - comes with transformers

    disable = None if shown and len(batches) > 1 else True  # None: shown on a terminal only
    with tqdm(batches, desc="answering", unit="batch", disable=disable) as bar:
        yield from bar


def _agree(*names: torch.dtype | str | None) -> torch.dtype | None:
    """Return the one dtype that all given names mean."""
    meant = {dtype_named(name) for name in names if name is not None}
    if len(meant) > 1:
        raise OptionInvalid(
            expected="one dtype",
            got=" and ".join(sorted(str(dtype) for dtype in meant)),
            where="dtype, torch_dtype, use_fp32_for_training",
            action="give only one of the three",
        )
    return next(iter(meant), None)


def attention_for(device: torch.device) -> str:
    """Choose the attention kernel: on a CPU plain matrix products beat the fused kernel for rows of 40 tokens.

    Source: 0.99 s against 1.26 s a training step of the 135M (batch 32, 2 cores with AVX-512 BF16).
    """
    return "eager" if device.type == "cpu" else "sdpa"


def load_model(path: str, dtype: torch.dtype, device: torch.device) -> Any:  # noqa: ANN401 - whatever transformers makes
    """Load a causal language model in exactly ``dtype``, in evaluation mode.

    Both names of the argument are known to transformers 5; ``dtype`` is the one that warns nobody.
    """
    if os.getpid() != FIRST_PROCESS:  # pragma: no cover - in a forked process, unseen
        # The first call after a fork replaces torch's pool of threads; two of the threads that read weights, both the
        # first, fail: "Invalid thread pool!".
        torch.set_num_threads(torch.get_num_threads())
    try:
        model = AutoModelForCausalLM.from_pretrained(path, dtype=dtype, attn_implementation=attention_for(device))
    except Exception as error:  # transformers, safetensors and torch each raise their own
        raise BaseModelMissing(
            expected="a base model that loads",
            got=f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else 'no details'}",
            where=path,
            action="name another --checkpoint, or fetch it again",
        ) from error
    model.get_output_embeddings().register_forward_pre_hook(_contiguous)
    let_share(model)
    return model.to(device).eval()


def _contiguous(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """Copy the hidden states that are a slice of all positions: (B, K, H), a few kB.

    A slice is a view whose rows are not adjacent, and ``matmul`` then copies the whole output projection once for each
    row instead: 4.9 s of the 7.7 s that 100 answers of the 135M took.
    """
    del module
    return (inputs[0].contiguous(), *inputs[1:])


def load_tokenizer(path: str) -> Any:  # noqa: ANN401 - transformers' tokenizers share no typed base
    """Load a tokenizer that pads on the left, with end-of-text as padding where it has none of its own."""
    tokenizer = AutoTokenizer.from_pretrained(path)
    tokenizer.padding_side = "left"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def test_model() -> None:
    """Complete two plain sentences, alone and together, and print them."""
    prompts = ["The cat went up", "The dog went down"]
    llm = BaseLLM()
    print(f"base model: {llm.checkpoint}")
    for prompt in prompts:
        print(f"{prompt!r} -> {llm.generate(prompt)!r}")
    for prompt, text in zip(prompts, llm.batched_generate(prompts), strict=True):
        print(f"{prompt!r} -> {text!r} (batched)")


def main() -> None:
    """Run ``python -m homework.base_llm test``."""
    from .command_line import run  # noqa: PLC0415

    run({"test": test_model}, prog="homework.base_llm")


if __name__ == "__main__":
    main()
