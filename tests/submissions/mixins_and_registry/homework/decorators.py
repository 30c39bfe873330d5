import functools
import time

import torch


def frozen(method):
    """Run a method without gradients."""

    @functools.wraps(method)
    def inner(self, *args, **kwargs):
        with torch.inference_mode():
            return method(self, *args, **kwargs)

    return inner


def in_pieces(size):
    """Call a method of (prompts, ...) with at most `size` prompts at once and join the results."""

    def decorate(method):
        @functools.wraps(method)
        def inner(self, prompts, *args, **kwargs):
            out = []
            for i in range(0, len(prompts), size):
                out.extend(method(self, prompts[i : i + size], *args, **kwargs))
            return out

        return inner

    return decorate


def stopwatch(obj, name):
    """Replace obj.name by a version that prints how long it took; it still calls the original."""
    original = getattr(obj, name)

    @functools.wraps(original)
    def timed(*args, **kwargs):
        begin = time.perf_counter()
        try:
            return original(*args, **kwargs)
        finally:
            print(f"{name}: {time.perf_counter() - begin:.2f} s")

    setattr(obj, name, timed)
    return obj
