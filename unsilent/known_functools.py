"""``functools``, ``itertools`` and ``operator``: functions that make functions, fold lists and put them together."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice, product
from typing import TYPE_CHECKING

from .known_builtins import Args, Known, Kwargs, list_of, one_by_one, same
from .symbolic_collections import MOST_ROUNDS
from .symbolic_notes import Choice
from .symbolic_things import Function, Many, Native, Outside
from .symbolic_values import constant, guarded, join, things

if TYPE_CHECKING:
    from .symbolic_calls import Calls
    from .symbolic_notes import Site, Value


def partial(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """A function of the tree with some of its arguments; of anything else something that calls it with them."""
    return (
        join(*((_with_arguments(on, choice, args[1:], kwargs, site),) for choice in (args[0] if args else ()))) or None
    )


def _with_arguments(on: Calls, choice: Choice, args: Args, kwargs: Kwargs, site: Site) -> Choice:
    thing = choice.thing
    if isinstance(thing, Function):
        made = replace(thing, bound=(*thing.bound, *args), named=thing.named | kwargs)
        made.attrs = thing.attrs
        return Choice(made, site, choice.guards)

    def does(more: Args, named: Kwargs, where: Site) -> Value:
        del where  # what is called was written where the partial stands
        return on.call((choice,), (*args, *more), kwargs | named, site)

    return Choice(Native("partial", ((choice,), *args, *kwargs.values()), does), site, choice.guards)


def _partial_method(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """A method with some of its arguments, which follow the object that it will be bound to."""
    made = [
        Choice(replace(choice.thing, given=args[1:], named=choice.thing.named | kwargs), site, choice.guards)
        for choice in (args[0] if args else ())
        if isinstance(choice.thing, Function)
    ]
    return tuple(made) or None


def _method_of(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    return partial(on, args, {}, site)


def _wraps(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """``wraps(f)`` gives a function the name of ``f``."""

    def does(given: Args, named: Kwargs, where: Site) -> Value:
        return _update_wrapper(on, (*given, *args), named, where) or ()

    return on.make(Native("wraps", args, does), site)


def _update_wrapper(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    named = {thing.name for thing in things(args[1]) if isinstance(thing, Function)} if len(args) > 1 else set()
    own = [thing for thing in things(args[0]) if isinstance(thing, Function)] if len(named) == 1 else []
    for thing in own:
        thing.stands_for = next(iter(named))
    return args[0] if args else None


def _transparent(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """A decorator with or without its own arguments: the function it decorates is what it was."""
    bare = args and any(isinstance(thing, Function) for thing in things(args[0]))
    return args[0] if bare else on.make(Outside("functools.update_wrapper"), site)


def _reduce(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """What a function makes of a list, one after the other; of one that is not known, after none or one."""
    if len(args) < 2:  # noqa: PLR2004 - a function and a list
        return None
    rounds, surely = one_by_one(on, args[1], site)
    given = [*args[2:3], *rounds]
    if not given:
        return None
    value = given[0]
    for item in given[1:]:
        made = on.call(args[0], (value, item), {}, site)
        value = made if surely else join(value, made)
    return value


def _dispatched(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """``singledispatch``: whichever of the functions that are registered fits, so each of them."""
    if not args:
        return None
    functions = [args[0]]

    def does(given: Args, named: Kwargs, where: Site) -> Value:
        return join(*(on.call(function, given, named, where) for function in functions))

    def register(given: Args, named: Kwargs, where: Site) -> Value:
        if given and any(isinstance(thing, Function) for thing in things(given[-1])):
            functions.append(given[-1])
            return given[-1]
        return on.make(Native("register", (), register), where)

    made = Native("singledispatch", (args[0],), does)
    made.attrs["register"] = on.make(Native("register", (), register), site)
    return on.make(made, site)


def _manages(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """``contextmanager``: the generator is read where it is entered."""
    for thing in things(args[0] if args else ()):
        if isinstance(thing, Function):
            thing.manages = True
    return args[0] if args else None


def _chain(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    made = Many()
    for value in args:
        on.extend(made, list_of(on, (value,), {}, site) or value, site)
    return on.make(made, site)


def _chain_of(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    rounds, surely = one_by_one(on, args[0], site) if args else ([], True)
    made = Many(whole=surely)
    for value in rounds:
        on.extend(made, value, site)
    return on.make(made, site)


def _product(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    each = [one_by_one(on, value, site) for value in args]
    rows = [on.make(Many(list(row)), site) for row in islice(product(*(rounds for rounds, _ in each)), MOST_ROUNDS)]
    return on.make(Many(rows, whole=all(surely for _, surely in each) and len(rows) < MOST_ROUNDS), site)


def _starmap(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    if len(args) != 2:  # noqa: PLR2004 - a function and rows
        return None
    rounds, surely = one_by_one(on, args[1], site)
    made = [on.call(args[0], tuple(on.elements(row) or [on.element(row, site)]), {}, site) for row in rounds]
    return on.make(Many(made, whole=surely), site)


def _some(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """Some elements of the last argument that is a list: ``islice``, ``takewhile``, ``cycle``..."""
    value = next((value for value in reversed(args) if not isinstance(constant(value), int)), ())
    return on.make(Many([guarded(on.element(value, site), *on.guards)], whole=False), site) if value else None


def _rows(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    """Tuples of elements: ``pairwise``, ``batched``, ``permutations``..."""
    if not args:
        return None
    element = on.element(args[0], site)
    size = constant(args[1]) if len(args) > 1 else 2
    row = Many([element] * min(size, MOST_ROUNDS) if isinstance(size, int) else [element], whole=isinstance(size, int))
    return on.make(Many([on.make(row, site)], whole=False), site)


def _repeat(on: Calls, args: Args, kwargs: Kwargs, site: Site) -> Value | None:
    times = constant(args[1]) if len(args) > 1 else None
    known = isinstance(times, int) and 0 <= times <= MOST_ROUNDS
    return on.make(Many(list(args[:1]) * (times if isinstance(times, int) and known else 1), whole=known), site)


FUNCTOOLS: dict[str, Known] = {
    "functools.partial": partial,
    "functools.partialmethod": _partial_method,
    "types.MethodType": _method_of,
    "functools.reduce": _reduce,
    "functools.wraps": _wraps,
    "functools.update_wrapper": _update_wrapper,
    "functools.lru_cache": _transparent,
    "functools.cache": same,
    "functools.singledispatch": _dispatched,
    "contextlib.contextmanager": _manages,
    "contextlib.asynccontextmanager": _manages,
    "torch.no_grad": _transparent,
    "torch.inference_mode": _transparent,
    "itertools.chain": _chain,
    "itertools.chain.from_iterable": _chain_of,
    "itertools.product": _product,
    "itertools.starmap": _starmap,
    "itertools.islice": _some,
    "itertools.takewhile": _some,
    "itertools.dropwhile": _some,
    "itertools.filterfalse": _some,
    "itertools.cycle": _some,
    "itertools.pairwise": _rows,
    "itertools.batched": _rows,
    "itertools.permutations": _rows,
    "itertools.combinations": _rows,
    "itertools.repeat": _repeat,
}
