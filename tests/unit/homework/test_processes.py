"""Several processes train one adapter: that of one process, written once."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import support
import torch
import torch.distributed as dist
from safetensors.torch import load_file
from torch._C._distributed_c10d import FileStore

from homework import processes
from homework.batching import BatchPlan
from homework.errors import OptionInvalid
from homework.processes import (
    SAID,
    AnswersTogether,
    Processes,
    cut_for_ranks,
    gather,
    heard_once,
    join,
    leave,
    on_first,
)

# fp32 sums in another order: 7.5e-9 was measured after three steps at a learning rate of 1e-2
TOLERANCE = 1e-6
OPTIONS = {"effective_batch": 16, "max_steps": 0}
LINE = (
    *("--precision", "fp32", "--epochs", "1", "--max_length", "200", "--rank", "4", "--effective_batch", "16"),
    *("--lr", "1e-2", "--warmup_steps", "0", "--logging_steps", "1"),
)


def set_ranks(patch: pytest.MonkeyPatch, **variables: object) -> None:
    """What torchrun leaves in the environment."""
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        patch.delenv(name, raising=False)
    for name, value in variables.items():
        patch.setenv(name, str(value))


def test_without_a_launcher_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the first, connects to nobody and waits for nobody."""
    set_ranks(monkeypatch)
    alone = join()
    leave()

    assert alone == Processes()
    assert (alone.is_first, on_first(alone, lambda: 7), gather(alone, "a")) == (True, 7, ["a"])


def test_launcher_says_which_is_which(monkeypatch: pytest.MonkeyPatch) -> None:
    """As torchrun sets it on the second machine of two."""
    set_ranks(monkeypatch, RANK=3, WORLD_SIZE=4, LOCAL_RANK=1)

    assert Processes.of_this_run() == Processes(3, 4, 1)
    assert not Processes.of_this_run().is_first


def test_local_rank_is_the_rank_on_one_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a launcher leaves it out."""
    set_ranks(monkeypatch, RANK=1, WORLD_SIZE=2)

    assert Processes.of_this_run().local_rank == 1


@pytest.mark.parametrize(
    "variables",
    [{"WORLD_SIZE": "two"}, {"WORLD_SIZE": 2}, {"WORLD_SIZE": 2, "RANK": 2}, {"WORLD_SIZE": 0}],
    ids=["no number", "no rank", "rank beyond", "none"],
)
def test_environment_that_makes_no_sense_is_refused(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, object]
) -> None:
    """Named with what was found."""
    set_ranks(monkeypatch, **variables)

    with pytest.raises(OptionInvalid, match="Expected RANK, WORLD_SIZE and LOCAL_RANK as torchrun sets them"):
        Processes.of_this_run()


def test_too_few_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes on one GPU would share it without a word."""
    set_ranks(monkeypatch, RANK=1, WORLD_SIZE=2, LOCAL_RANK=1)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)

    with pytest.raises(OptionInvalid, match=r"Expected a GPU for each process, but got 1 GPU\(s\) for local rank 1"):
        join()


def test_gpus_talk_over_nccl(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each process takes its own; a group that is there already is left as it is."""
    set_ranks(monkeypatch, RANK=1, WORLD_SIZE=2, LOCAL_RANK=1)
    said: list[object] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", said.append)
    monkeypatch.setattr(dist, "init_process_group", said.append)
    join()
    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    join()

    assert said == [1, "nccl", 1]


def test_program_disconnects_in_the_end(tmp_path: Path) -> None:
    """A group that is left behind warns when Python ends."""
    dist.init_process_group("gloo", store=FileStore(str(tmp_path / "store"), 1), rank=0, world_size=1)
    leave()

    assert not dist.is_initialized()


@pytest.mark.parametrize(("rank", "printed"), [(0, "heard\n"), (1, "")], ids=["first", "second"])
def test_rank_0_alone_prints(monkeypatch: pytest.MonkeyPatch, rank: int, printed: str) -> None:
    """The others' results are the same."""
    set_ranks(monkeypatch, RANK=rank, WORLD_SIZE=2)

    @heard_once
    def say(word: str) -> str:
        print(word)
        return word

    with redirect_stdout(io.StringIO()) as out:
        assert say("heard") == "heard"

    assert out.getvalue() == printed


@pytest.mark.parametrize("rank", [0, 1])
def test_rank_0_alone_acts(monkeypatch: pytest.MonkeyPatch, rank: int) -> None:
    """What it returns is everybody's; the others do nothing."""
    acted: list[int] = []
    told_by_first = [41, None]

    def broadcast(told: list[Any], **_: object) -> None:
        told[:] = told if rank == 0 else told_by_first

    monkeypatch.setattr(dist, "broadcast_object_list", broadcast)
    monkeypatch.setattr(processes, "_waiting_group", lambda _: None)

    def act() -> int:
        acted.append(rank)
        return 41

    assert on_first(Processes(rank, 2), act) == 41
    assert acted == [0] * (rank == 0)


@pytest.mark.parametrize(("rank", "notes"), [(0, []), (1, [SAID])], ids=["first", "second"])
def test_error_of_rank_0_ends_all(monkeypatch: pytest.MonkeyPatch, rank: int, notes: list[str]) -> None:
    """Raised on every rank; whoever has it from rank 0 need not say it again."""
    error = OptionInvalid(expected="a", got="b", where="c", action="d")

    def broadcast(told: list[Any], **_: object) -> None:
        told[:] = told if rank == 0 else [None, error]

    monkeypatch.setattr(dist, "broadcast_object_list", broadcast)
    monkeypatch.setattr(processes, "_waiting_group", lambda _: None)

    def refuse() -> None:
        raise error

    with pytest.raises(OptionInvalid, match="Expected a") as found:
        on_first(Processes(rank, 2), refuse)

    assert getattr(found.value, "__notes__", []) == notes


class Unsendable(Exception):
    """Cannot be pickled."""

    def __init__(self) -> None:
        super().__init__("no space")
        self.clean_up = lambda: None


class Unmakeable(Exception):
    """Can be pickled, and not be made again of that."""

    def __init__(self, code: int, command: str) -> None:
        super().__init__(f"{command} ended with {code}")


@pytest.mark.parametrize("error", [Unsendable(), Unmakeable(3, "nvidia-smi")], ids=["dumps", "loads"])
def test_error_that_cannot_be_sent_is_told_in_words(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Rank 0 raises it as it was; the others hear its kind and words, and wait for nothing."""
    sent: list[Any] = []
    monkeypatch.setattr(dist, "broadcast_object_list", lambda told, **_: sent.extend(told))
    monkeypatch.setattr(processes, "_waiting_group", lambda _: None)

    def fail() -> None:
        raise error

    with pytest.raises(type(error)) as found:
        on_first(Processes(0, 2), fail)

    assert found.value is error
    assert repr(sent[1]) == repr(RuntimeError(f"{type(error).__name__}: {error}"))


@pytest.mark.parametrize(
    ("world", "variables", "typed"),
    [
        (1, {}, "python -m x"),
        (2, {}, "torchrun --nproc_per_node 2 -m x"),
        (2, {"ACCELERATE_DYNAMO_MODE": "no"}, "accelerate launch --multi_gpu --num_processes 2 -m x"),
        (
            4,
            {"LOCAL_WORLD_SIZE": "2", "GROUP_WORLD_SIZE": "2"},
            "torchrun --nproc_per_node 2 -m x (on each of the 2 machines, with the options that said where they meet)",
        ),
    ],
    ids=["one", "torchrun", "accelerate", "two machines"],
)
def test_command_says_how_it_was_started(
    monkeypatch: pytest.MonkeyPatch, world: int, variables: dict[str, str], typed: str
) -> None:
    """For whoever goes on with a run that was stopped."""
    for name in ("ACCELERATE_DYNAMO_MODE", "LOCAL_WORLD_SIZE", "GROUP_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert Processes(0, world).launched("python -m x") == typed


@pytest.mark.parametrize("count", [0, 1, 5])
def test_one_process_answers_everything(count: int) -> None:
    """In order."""
    llm = support.CannedLLM([1.0, 2.0, 3.0, 4.0, 5.0])

    assert AnswersTogether(llm, Processes()).answer(*"abcde"[:count]) == [1.0, 2.0, 3.0, 4.0, 5.0][:count]


@pytest.mark.parametrize("count", range(1, 80))
def test_ranks_share_every_step_of_one_process(count: int) -> None:
    """Whatever is left over: as many micro-batches on each, none empty, and the rows of one process's steps."""
    size, steps, world = 4, 2, 2
    batches = cut_for_ranks(count, size, steps, world)
    shares = [batches[rank::world] for rank in range(world)]
    by_step = [
        sorted({row for share in shares for batch in share[first : first + steps] for row in batch})
        for first in range(0, len(shares[0]), steps)
    ]

    assert len(shares[0]) == len(shares[1])
    assert all(batches)
    assert by_step == [list(range(count))[first : first + 16] for first in range(0, count, 16)]


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (8, [[0, 1, 2, 3], [4, 5, 6, 7]]),
        (5, [[0, 1, 2, 3], [4]]),
        (4, [[0, 1], [2, 3]]),
        (9, [[0, 1, 2, 3], [4, 5, 6, 7], [8], [8]]),
    ],
    ids=["even", "shorter", "halved", "one row for two"],
)
def test_rest_is_cut_until_each_rank_has_a_part(count: int, expected: list[list[int]]) -> None:
    """A row that cannot be halved is given to all: the mean of equal gradients is that gradient."""
    assert cut_for_ranks(count, 4, 1, 2) == expected


def test_trainer_takes_what_was_cut() -> None:
    """Through its own accelerator, with its own collator."""
    trainer: Any = SimpleNamespace(
        train_dataset=list(range(5)),
        args=SimpleNamespace(dataloader_pin_memory=False),
        data_collator=lambda rows: rows,
        accelerator=SimpleNamespace(prepare=lambda loader: loader),
    )
    processes.share_batches(trainer, BatchPlan(4, 1, "", 2))

    assert list(trainer.get_train_dataloader()) == [[0, 1, 2, 3], [4]]


def test_waiting_takes_as_long_as_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gloo group, made once: rank 0 may be saving, or asking where answers come from."""
    made: list[dict[str, object]] = []
    monkeypatch.setattr(dist, "new_group", lambda **options: made.append(options))
    processes._waiting_group.cache_clear()
    processes._waiting_group("world")
    processes._waiting_group("world")
    processes._waiting_group.cache_clear()

    assert made == [{"backend": "gloo", "timeout": processes.WAIT}]


@pytest.mark.slow
@pytest.mark.processes
def test_split_evaluation_gives_the_answers_of_one_process(ranked: dict[str, list[dict[str, Any]]]) -> None:
    """In the order of the questions, on every rank; each was asked its share."""
    first, second = ranked["evaluated"]

    assert first["answers"] == second["answers"] == ["0.0", "1.0", "2.0", "nan", "4.0", "5.0", "6.0"]
    assert [len(first["asked"]), len(second["asked"])] == [4, 3]


@pytest.mark.slow
@pytest.mark.processes
def test_refusal_of_rank_0_is_everybodys(ranked: dict[str, list[dict[str, Any]]]) -> None:
    """Over a real group; afterwards all go on together."""
    assert ranked["refused"] == [
        {"where": "rank 0", "notes": [], "value": 40},
        {"where": "rank 0", "notes": [SAID], "value": 40},
    ]


@pytest.mark.slow
@pytest.mark.processes
def test_error_that_cannot_be_sent_ends_all(ranked: dict[str, list[dict[str, Any]]]) -> None:
    """Over a real group: nobody waits for a word that never comes."""
    first, second = ranked["failed"]

    assert first == {"kind": "ProgramEnded", "words": "a program ended with status 3"}
    assert second == {"kind": "RuntimeError", "words": f"ProgramEnded: {first['words']}"}


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.parametrize("launcher", [support.TORCHRUN, support.ACCELERATE], ids=["torchrun", "accelerate"])
def test_two_processes_train_the_adapter_of_one(
    tiny_base: Path, small_data: Path, tmp_path: Path, launcher: tuple[str, ...]
) -> None:
    """The last step, of half a batch, included; one of them prints and writes, and ends with what it found."""
    alone = support.train_tiny(tiny_base, tmp_path / "one", **OPTIONS)
    command = ["-m", "homework.sft", "train", "--checkpoint", str(tiny_base), "--output_dir", str(tmp_path / "two")]
    done = support.start_two(*command, *LINE, launcher=launcher, HOMEWORK_DATA_DIR=str(small_data))
    one, two = (load_file(folder / "adapter_model.safetensors") for folder in (alone.folder, tmp_path / "two"))

    assert "8 rows x 1 x 2 processes = 16 an optimizer step" in done.stdout, done.stderr
    assert (done.stdout.count("saved to"), done.stdout.count("[ok] answers        20 questions")) == (1, 1)
    assert done.stderr.count("error: [no-numeric-answers]") == 1
    assert max(float((one[name] - two[name]).abs().max()) for name in one) < TOLERANCE
    assert [path.name for path in tmp_path.iterdir() if path.is_dir() and path != small_data] == ["one", "two"]
