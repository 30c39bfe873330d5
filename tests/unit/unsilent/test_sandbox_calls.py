"""The filter of system calls answers as it should, read by a machine like the kernel's."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from unsilent import sandbox_calls
from unsilent.sandbox_calls import ALLOW, ARCHITECTURES, NO_FAMILY, NOT_PERMITTED, REFUSED, UNKNOWN, program

MACHINES = list(ARCHITECTURES)


def answer(machine: str, number: int, *arguments: int, architecture: int | None = None) -> int:
    """Run the filter on a call, instruction by instruction."""
    name, _ = ARCHITECTURES[machine]
    given = {sandbox_calls.NUMBER: number, sandbox_calls.ARCHITECTURE: name if architecture is None else architecture}
    given |= {16 + 8 * place: one & 0xFFFFFFFF for place, one in enumerate((*arguments, *[0] * 6)[:6])}
    lines, place, held = program(machine), 0, 0
    tests: dict[int, Callable[[int], bool]] = {
        sandbox_calls.EQUAL: lambda value: held == value,
        sandbox_calls.AT_LEAST: lambda value: held >= value,
        sandbox_calls.ANY_OF: lambda value: bool(held & value),
    }
    while True:
        code, yes, no, value = lines[place]
        place += 1
        if code == sandbox_calls.END:
            return value
        if code == sandbox_calls.LOAD:
            held = given[value]
        else:
            place += yes if tests[code](value) else no


@pytest.mark.parametrize("machine", MACHINES)
def test_each_of_the_refused_is_refused(machine: str) -> None:
    """By the number that it has on this architecture; where it has none there is nothing to refuse."""
    column = ARCHITECTURES[machine][1]
    numbers = {name: one[column] for name, one in REFUSED.items()}

    assert {name: answer(machine, one) for name, one in numbers.items() if one is not None} == {
        name: NOT_PERMITTED for name, one in numbers.items() if one is not None
    }


@pytest.mark.parametrize("machine", MACHINES)
def test_all_others_are_allowed(machine: str) -> None:
    """Every other number that was known, with arguments of no meaning."""
    column = ARCHITECTURES[machine][1]
    special = {sandbox_calls.CLONE3[column], sandbox_calls.SOCKET[column], *(one[column] for one in REFUSED.values())}

    assert {answer(machine, one) for one in range(sandbox_calls.FIRST_UNKNOWN) if one not in special} == {ALLOW}


@pytest.mark.parametrize("machine", MACHINES)
def test_what_nobody_knew_is_not_there(machine: str) -> None:
    """Calls of later kernels, of x32, of another architecture, and the one whose arguments cannot be seen."""
    getpid = 39
    cases = [answer(machine, one) for one in (sandbox_calls.FIRST_UNKNOWN, 1000, 0x40000000 + getpid, 435)]

    assert {*cases, answer(machine, getpid, architecture=0x40000003)} == {UNKNOWN}


@pytest.mark.parametrize("machine", MACHINES)
def test_arguments_decide(machine: str) -> None:
    """Threads, but no namespaces; sockets of this machine, but no others; no terminal, lease, or large buffer."""
    column = ARCHITECTURES[machine][1]
    names = ("CLONE", "SOCKET", "IOCTL", "FCNTL", "SETSOCKOPT")
    clone, socket, ioctl, fcntl, setsockopt = (getattr(sandbox_calls, name)[column] for name in names)
    threads, namespaces = 0x3D0F00, [1 << place for place in (17, 25, 26, 27, 28, 29, 30)]

    assert answer(machine, clone, threads) == ALLOW
    assert {answer(machine, clone, one | 17) for one in namespaces} == {NOT_PERMITTED}
    assert {family: answer(machine, socket, family) for family in (1, 2, 10, 16, 17, 38, 40)} == {
        **dict.fromkeys((1, 2, 10), ALLOW),
        **dict.fromkeys((16, 17, 38, 40), NO_FAMILY),
    }
    assert [answer(machine, fcntl, 0, one) for one in (1, 1024)] == [ALLOW, NOT_PERMITTED]
    assert [answer(machine, ioctl, 0, one) for one in (0x5401, 0x5412, 0x541C)] == [ALLOW, NOT_PERMITTED, NOT_PERMITTED]
    assert [answer(machine, setsockopt, 0, 1, one) for one in (2, 7, 8)] == [ALLOW, NOT_PERMITTED, NOT_PERMITTED]


def test_no_filter_for_an_unknown_architecture() -> None:
    """Numbers of another one would refuse the wrong calls; and the kernel takes 4096 instructions at most."""
    assert program("riscv64") == []
    assert all(len(program(machine)) < 4096 for machine in MACHINES)


def test_jumps_stay_within_a_byte() -> None:
    """As the kernel has them."""
    assert max(max(yes, no) for machine in MACHINES for _, yes, no, _ in program(machine)) < 256


def test_this_machine_is_known() -> None:
    """Where the other tests of the cage run, there is a filter; elsewhere they skip."""
    if os.uname().machine not in ARCHITECTURES:
        pytest.skip("the numbers of this architecture's system calls are not known to the filter")

    assert program(os.uname().machine)
