"""Answers do not depend on how prompts are batched, and models are held as asked for."""

from __future__ import annotations

import contextlib
import math
import os
import random
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import faults
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM

from homework import base_llm
from homework.base_llm import BaseLLM
from homework.decoding import decode
from homework.errors import BaseModelMissing, OptionInvalid

PROMPTS = st.lists(st.text(alphabet="abc 123<>?é", min_size=1, max_size=30), min_size=1, max_size=7)


@pytest.fixture(scope="module")
def llm(tiny_base: Path) -> BaseLLM:
    """The tiny base in fp32, 8 new tokens at most."""
    loaded = BaseLLM(str(tiny_base), dtype="fp32", device="cpu")
    loaded.max_new_tokens = 8
    return loaded


def rows_decoded_at_once(patch: pytest.MonkeyPatch) -> list[int]:
    """A list that is told, from now on, how many rows each call of ``decode`` completes."""
    sizes: list[int] = []

    def spy(*args: Any, samples: int, **options: Any) -> list[list[int]]:  # noqa: ANN401 - arguments of decode
        sizes.append(len(args[2]) * samples)
        return decode(*args, samples=samples, **options)

    patch.setattr(base_llm, "decode", spy)
    return sizes


def number_at(name: str, position: int) -> float:
    """A number in [0, 1) for each token of a completion."""
    return random.Random(f"{name} {position}").random()


@pytest.mark.no_cover
@given(prompts=PROMPTS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_batched_equals_single(llm: BaseLLM, prompts: list[str]) -> None:
    """Every prompt gets the text alone that it gets among others, in the order given."""
    assert llm.batched_generate(prompts) == [llm.generate(prompt) for prompt in prompts]


def test_right_padding_would_be_noticed(llm: BaseLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison above fails on the code of the reports, which padded on the right."""
    prompts = ["xyz1", "xyz2 and more", "q"]
    single = [llm.generate(prompt) for prompt in prompts]
    faults.pad_on_the_right(monkeypatch)

    assert llm.batched_generate(prompts) != single


def test_tokenizer_side_does_not_matter(llm: BaseLLM) -> None:
    """Padding is on the left even when somebody turns the tokenizer round."""
    prompts = ["a", "a much longer prompt"]
    before = llm.batched_generate(prompts)
    llm.tokenizer.padding_side = "right"
    after = llm.batched_generate(prompts)
    llm.tokenizer.padding_side = "left"

    assert after == before


def test_micro_batches_respect_the_memory_bound(llm: BaseLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a small bound every row is its own micro-batch, and the answers stay the same."""
    prompts = [f"prompt {number}" * number for number in range(1, 6)]
    before = llm.batched_generate(prompts)
    sizes = rows_decoded_at_once(monkeypatch)
    monkeypatch.setattr(base_llm, "GENERATION_BYTES", 1)

    assert llm.batched_generate(prompts) == before
    assert sizes == [1] * 5


@pytest.mark.no_cover
@given(
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=8), samples=st.integers(1, 9), largest=st.integers(1, 6)
)
@settings(max_examples=25, deadline=None)
def test_rows_never_exceed_the_bound(tiny_base: Path, lengths: list[int], samples: int, largest: int) -> None:
    """Whatever the number of prompts and of samples, which count; every prompt comes exactly once, with all of its."""
    llm = BaseLLM(str(tiny_base), dtype="fp32", device="cpu")
    llm.max_new_tokens = 1
    with pytest.MonkeyPatch.context() as patch:
        sizes = rows_decoded_at_once(patch)
        patch.setattr(base_llm, "LARGEST_MICRO_BATCH", largest)
        done = list(llm.complete(["a" * length for length in lengths], samples, temperature=1.0))

    assert max(sizes) <= largest
    assert sum(sizes) == len(lengths) * samples
    assert sorted(index for index, _ in done) == list(range(len(lengths)))
    assert all(len(completions) == samples for _, completions in done)


def test_shared_beginning_leaves_room_for_more_rows(llm: BaseLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its keys and values are held once: twenty long prompts that begin alike fit where unlike ones do not."""
    monkeypatch.setattr(base_llm, "GENERATION_BYTES", 2_000_000)
    sizes = rows_decoded_at_once(monkeypatch)
    llm.batched_generate([f"{'the same beginning ' * 20}{number}" for number in range(10, 30)])
    alike = sizes.copy()
    llm.batched_generate([f"{number}{'an own beginning ' * 20}" for number in range(10, 30)])

    assert alike == [20]
    assert max(sizes[1:]) < 20


def test_numbers_belong_to_their_sample(llm: BaseLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each prompt and sample is drawn with its own numbers, however prompts are sorted and samples split."""
    prompts = ["a longer prompt", "a", "a prompt"]
    draws = [[partial(number_at, f"{prompt} {sample}") for sample in range(5)] for prompt in prompts]
    whole = dict(llm.complete(prompts, 5, 1.0, draws=draws))
    monkeypatch.setattr(base_llm, "LARGEST_MICRO_BATCH", 2)
    split = dict(llm.complete(prompts, 5, 1.0, draws=draws))
    alone = [next(llm.complete([prompt], 5, 1.0, draws=[own]))[1] for prompt, own in zip(prompts, draws, strict=True)]

    assert whole == split == dict(enumerate(alone))


def test_configuration_of_old_needs_no_head_sizes(tiny_base: Path) -> None:
    """Older Llamas name neither the size of a head nor how many have keys of their own."""
    llm = BaseLLM(str(tiny_base), dtype="fp32", device="cpu")
    before = llm.batched_generate(["a", "a longer one"])
    llm.model.config.head_dim = llm.model.config.num_key_value_heads = None

    assert llm.batched_generate(["a", "a longer one"]) == before


def test_no_prompt_gives_no_text(llm: BaseLLM) -> None:
    """An empty list is answered with an empty list."""
    assert llm.batched_generate([]) == []
    assert llm.answer() == []


def test_samples_come_in_lists(llm: BaseLLM) -> None:
    """With num_return_sequences each prompt has that many texts, which differ at temperature 1."""
    torch.manual_seed(0)
    texts = llm.batched_generate(["one", "two, longer"], num_return_sequences=4, temperature=1.0)

    assert [len(samples) for samples in texts] == [4, 4]
    assert len({text for samples in texts for text in samples}) > 4


def test_sampling_follows_the_seed(llm: BaseLLM) -> None:
    """The same seed gives the same samples."""

    def sample() -> list[list[str]]:
        torch.manual_seed(7)
        return llm.batched_generate(["one", "two"], num_return_sequences=2, temperature=0.8)

    assert sample() == sample()


def test_one_sample_is_still_a_list(llm: BaseLLM) -> None:
    """num_return_sequences=1 gives lists of one, as None does not."""
    assert llm.batched_generate(["one"], num_return_sequences=1) == [[llm.generate("one")]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"temperature": -1.0}, "temperature -1"),
        ({"temperature": math.nan}, "temperature nan"),
        ({"num_return_sequences": 0}, "num_return_sequences 0"),
        ({"num_return_sequences": 3}, "same text"),
        ({"prompts": ["a", ""]}, "position 1"),
        ({"prompts": ["\0", "a"]}, "position 0"),
    ],
    ids=["below zero", "not a number", "no sample", "equal samples", "no text", "no tokens"],
)
def test_impossible_sampling_is_refused(
    llm: BaseLLM, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], message: str
) -> None:
    """Each is refused before anything is generated."""
    real = llm.tokenizer
    monkeypatch.setattr(
        llm, "tokenizer", lambda text: real(text.replace("\0", ""))
    )  # some leave out what they do not know
    with pytest.raises(OptionInvalid, match=message):
        llm.batched_generate(**({"prompts": ["a"]} | arguments))


def test_answer_formats_generates_and_parses(llm: BaseLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    """The three steps are done in this order, through the public methods."""
    seen: list[str] = []

    def generate(prompts: list[str]) -> list[str]:
        seen.extend(prompts)
        return ["12</answer>", "none"]

    monkeypatch.setattr(llm, "batched_generate", generate)
    monkeypatch.setattr(llm, "format_prompt", lambda question: f"<{question}>")
    answers = llm.answer("a", "b")

    assert seen == ["<a>", "<b>"]
    assert answers[0] == 12.0
    assert math.isnan(answers[1])


def test_base_prompt_is_the_question(llm: BaseLLM) -> None:
    """The plain base is asked as it is."""
    assert llm.format_prompt("How many?") == "How many?"


@pytest.mark.parametrize(
    ("arguments", "dtype"),
    [
        ({"dtype": torch.bfloat16}, torch.bfloat16),
        ({"torch_dtype": "float16"}, torch.float16),
        ({"use_fp32_for_training": True}, torch.float32),
        ({"dtype": "fp32", "use_fp32_for_training": True}, torch.float32),
    ],
    ids=["dtype", "torch_dtype", "use_fp32_for_training", "both"],
)
def test_model_is_held_in_the_dtype_asked_for(tiny_base: Path, arguments: dict[str, Any], dtype: torch.dtype) -> None:
    """Old and new name of the argument work, and every weight has the dtype."""
    llm = BaseLLM(str(tiny_base), **arguments)

    assert {parameter.dtype for parameter in llm.model.parameters()} == {dtype}
    assert not llm.model.training


def test_contradicting_dtypes_are_refused(tiny_base: Path) -> None:
    """Two dtypes at once are an error before anything is loaded."""
    with pytest.raises(OptionInvalid, match=r"torch\.bfloat16 and torch\.float32"):
        BaseLLM(str(tiny_base), dtype="bf16", use_fp32_for_training=True)


def test_default_dtype_is_the_devices(tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a wish the precision of the device decides."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)

    assert BaseLLM(str(tiny_base), device="cpu").model.dtype is torch.float32


def test_only_the_cpu_takes_the_plain_attention() -> None:
    """Fused kernels elsewhere; on a CPU plain matrix products are faster for rows of 40 tokens."""
    assert [base_llm.attention_for(torch.device(kind)) for kind in ("cuda", "mps", "cpu")] == ["sdpa", "sdpa", "eager"]


def test_tokenizer_without_padding_gets_end_of_text(tiny_base: Path, tmp_path: Path) -> None:
    """A tokenizer without a padding token pads with end-of-text."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    tokenizer.pad_token = None
    tokenizer.save_pretrained(tmp_path)

    assert base_llm.load_tokenizer(str(tmp_path)).pad_token == tokenizer.eos_token


def test_command_completes_two_sentences(
    tiny_base: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``python -m homework.base_llm test`` prints each completion, alone and batched, and they agree."""
    monkeypatch.setenv("HOMEWORK_CHECKPOINT", str(tiny_base))
    monkeypatch.setattr("sys.argv", ["base_llm", "test"])
    with pytest.raises(SystemExit) as ended:
        base_llm.main()

    lines = capsys.readouterr().out.splitlines()
    assert ended.value.code == 0
    assert "HOMEWORK_CHECKPOINT" in lines[0]
    assert lines[1] + " (batched)" == lines[3]


def test_damaged_base_is_one_error(tmp_path: Path) -> None:
    """A folder that looks like a base and is none ends in our error, with the reader's first line."""
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").touch()

    with pytest.raises(BaseModelMissing, match="a base model that loads"):
        BaseLLM(str(tmp_path))


def load_with_six_threads(errors: list[str]) -> None:
    """Begin to work with tensors in several threads at the same moment, as transformers does with the weights."""
    begin = threading.Event()
    tensor = torch.ones(400_000)  # large enough to be shared out

    def work() -> None:
        begin.wait()
        try:
            tensor.clone()
        except RuntimeError as error:
            errors.append(str(error))

    sys.setswitchinterval(1e-6)
    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    begin.set()
    for thread in threads:
        thread.join()


@pytest.fixture
def two_threads() -> Iterator[None]:
    """Torch with a pool of two threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_forked_process_reads_weights_in_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process forked from one that used torch loads a base: its threads find the pool renewed (torch's own race)."""
    errors: list[str] = []
    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", lambda *_, **__: load_with_six_threads(errors))

    failed = 0
    for _ in range(8):
        if not (child := os.fork()):
            with contextlib.suppress(AttributeError):  # nothing was loaded in truth
                base_llm.load_model("tiny", torch.float32, torch.device("cpu"))
            os._exit(bool(errors))
        failed += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    assert failed == 0


@pytest.mark.base
def test_real_base_answers_alike_alone_and_batched(real_base: str) -> None:
    """The 135M in fp32 completes prompts of different length alike, alone and batched."""
    llm = BaseLLM(real_base, dtype="fp32")
    llm.max_new_tokens = 6
    prompts = ["The capital of France is", "One, two, three, four, five, six,", "Water boils at"]

    batched = llm.batched_generate(prompts)

    assert batched == [llm.generate(prompt) for prompt in prompts]
    assert "Paris" in batched[0]
