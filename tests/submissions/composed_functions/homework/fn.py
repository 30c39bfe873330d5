"""Small functional toolbox."""

from collections.abc import Callable, Iterable
from functools import reduce
from itertools import islice


def compose(*fs: Callable) -> Callable:
    return reduce(lambda f, g: lambda *a, **k: g(f(*a, **k)), fs)


def chunked(items: Iterable, size: int):
    it = iter(items)
    while part := list(islice(it, size)):
        yield part


def attempt(f: Callable, *errors: type[BaseException], otherwise):
    def wrapped(*args, **kwargs):
        try:
            return f(*args, **kwargs)
        except errors:
            return otherwise

    return wrapped


def bisecting(f: Callable, too_much: tuple[type[BaseException], ...]):
    """f over a list; when it is too much for the device, over its halves. A single item that is too much is an error."""

    def run(items):
        try:
            return f(items)
        except too_much:
            if len(items) <= 1:
                raise
            middle = len(items) // 2
            return run(items[:middle]) + run(items[middle:])

    return run
