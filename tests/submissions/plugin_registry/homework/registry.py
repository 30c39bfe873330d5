"""Named plug-ins: ``@prompts("direct")`` puts a function or class under that name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Registry(Generic[T]):
    def __init__(self, kind: str):
        self.kind = kind
        self._entries: dict[str, T] = {}

    def __call__(self, name: str) -> Callable[[T], T]:
        def register(entry: T) -> T:
            if name in self._entries:
                raise KeyError(f"{self.kind} {name!r} is registered twice")
            self._entries[name] = entry
            return entry

        return register

    def __getitem__(self, name: str) -> T:
        try:
            return self._entries[name]
        except KeyError:
            raise KeyError(f"no {self.kind} called {name!r}; there are {', '.join(sorted(self._entries))}") from None

    def names(self) -> list[str]:
        return sorted(self._entries)


prompts: Registry = Registry("prompt")
parsers: Registry = Registry("parser")
verifiers: Registry = Registry("verifier")
precisions: Registry = Registry("precision")
