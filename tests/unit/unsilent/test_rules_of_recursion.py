"""The rule about recursion: a chunk that calls for itself again."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

from unsilent import rules_of_recursion
from unsilent.reading_room import TooMuch
from unsilent.submission_code import read_sources
from unsilent.symbolic_statements import Reader
from unsilent.symbols import Value

HEAD = """
        class Sampler(BaseLLM):
            def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
{}
                return super().batched_generate(prompts)
        def load():
            return Sampler()
"""
RECURSIONS = {
    "a chunk as large as the limit": """
                if len(prompts) >= 32:
                    out = []
                    for i in range(0, len(prompts), 32):
                        out += self.batched_generate(prompts[i:i + 32], num_return_sequences, temperature)  # <- unbounded-recursion
                    return out""",
    "samples that stay as many": """
                chunk = 4
                if num_return_sequences is not None and num_return_sequences > 1:
                    return [self.batched_generate(prompts, num_return_sequences=min(chunk, num_return_sequences))]  # <- unbounded-recursion""",
    "the whole list again": """
                if len(prompts) > 8:
                    print("splitting")
                    return self.batched_generate(prompts, num_return_sequences, temperature)  # <- unbounded-recursion""",
    "a rest that does not shrink": """
                if len(prompts) > 1:
                    half = len(prompts) // 4
                    return self.batched_generate(prompts[:half]) + self.batched_generate(prompts[half:] if False else prompts[0:])  # <- unbounded-recursion""",
    "more than the limit": """
                size = 16
                if len(prompts) > size:
                    return [t for i in range(0, len(prompts), size) for t in self.batched_generate(prompts[i:i + size])]""",
    "halves": """
                if len(prompts) > 1:
                    middle = len(prompts) // 2
                    return self.batched_generate(prompts[:middle]) + self.batched_generate(prompts[middle:])""",
    "head and rest": """
                if len(prompts) > 64:
                    return self.batched_generate(prompts[:64]) + self.batched_generate(prompts[64:])""",
    "what was popped": """
                if prompts:
                    first = [prompts.pop(0) for _ in range(min(8, len(prompts)))]
                    return super().batched_generate(first) + self.batched_generate(prompts, num_return_sequences, temperature)""",
    "one sample at a time": """
                if num_return_sequences is not None and num_return_sequences > 1:
                    rows = [self.batched_generate(prompts, 1, temperature) for _ in range(num_return_sequences)]
                    return list(zip(*rows))""",
    "a limit that is a ratio": """
                if num_return_sequences is not None and not num_return_sequences / 2 < 1:
                    return self.batched_generate(prompts, int(num_return_sequences / 2), temperature)""",
    "on an error": """
                try:
                    return super().batched_generate(prompts)
                except RuntimeError:
                    if len(prompts) == 1:
                        raise
                    return self.batched_generate(prompts[: len(prompts) // 2]) + self.batched_generate(prompts[len(prompts) // 2 :])""",
}


@pytest.mark.no_cover
@pytest.mark.parametrize("body", RECURSIONS.values(), ids=RECURSIONS)
def test_recursion(tmp_path: Path, body: str) -> None:
    """A call of itself with no less to do is found where it is made; one that ends is healthy."""
    snippets.assert_as_marked(tmp_path, HEAD.format(body), with_llm=True)


@pytest.mark.parametrize(
    ("condition", "argument", "endless"),
    [
        ("n is not None and n > 3", "min(n, 4)", True),
        ("n > 3", "n - 1", False),
        ("n > 3 or n == 1", "max(n, 2)", True),
        ("n % 2 == 0 and n > 4", "n // 1", True),
        ("n / 0 > 1", "n + 1", False),
        ("not n", "n * 2", True),
        ("n > 3", "n + ask()", False),
        ("(n or 1) > 3", "n and 4", True),
        ("(n and 8) > 3", "None", False),
        ("(ask() or n) and n > 3", "n * 1", True),
        ("-n < -3", "n * 1", False),
        ("n ** 2 > 3", "n * 1", False),
        ("ask(n) > 3", "n - 0", False),
        ("n > 3", "n if ask() else n - 0", True),
        ("n > 3 or ask()", "n * 1", True),
        ("n > 3 and ask()", "n * 1", False),
        ("n == 'a'", "n * 1", False),
        ("n == len([1, 2])", "n * 1", True),
        ("len(n) > 1", "n[:-1]", False),
        ("len(n) > 1", "n[:3]", True),
        ("len(n) > 1", "n[ask():]", False),
        ("len(n) > 1", "n[0]", False),
        ("len(n) > 1", "list(n)", True),
        ("len(n) > 1", "sorted(n, key=ask)", True),
        ("len(n) > 0", "n[len(n) // 2:]", True),
    ],
)
def test_sizes_are_tried(tmp_path: Path, condition: str, argument: str, *, endless: bool) -> None:
    """With numbers and lengths of all kinds a call that comes back for ever is told from one that ends."""
    code = f"def load(n=ask()):\n    if {condition}:\n        return load({argument})\n    return n\n"
    snippets.write(tmp_path, code, prelude="from x import ask\n")

    assert bool(snippets.failures(tmp_path)) is endless


@pytest.mark.parametrize(
    ("cut", "endless"),
    [
        ("n[len(n) // 2:], limit", False),
        ("n[:len(n) // 2], limit", False),
        ("n[1:], limit", False),
        ("n[limit:], limit", False),
        ("n[0:], limit", True),
    ],
)
def test_a_limit_lets_something_through(tmp_path: Path, cut: str, *, endless: bool) -> None:
    """Whoever names the length of a chunk asks for no empty chunk: halves come to an end."""
    code = f"""
def pieces(n, limit):
    if len(n) <= limit:
        yield n
        return
    yield from pieces({cut})

def load():
    return list(pieces(ask(), ask()))
"""
    snippets.write(tmp_path, code, prelude="from x import ask\n")

    assert bool(snippets.failures(tmp_path)) is endless


def test_function_that_takes_too_long_is_not_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With arguments that nobody knows a function may take more steps than the run did."""

    class Tired(Reader):
        def call_function(self, *_: object) -> Value:
            raise TooMuch

    monkeypatch.setattr(rules_of_recursion, "Reader", Tired)
    snippets.write(tmp_path, "def load(n=None):\n    return load(n)\n")

    assert snippets.failures(tmp_path) == []


def test_call_with_nothing_changed_is_a_note(tmp_path: Path) -> None:
    """Asking again until the model gives a number may end, or may not."""
    code = """
        class Patient(BaseLLM):
            def ask(self, question):
                value = self.parse_answer(self.generate(question))
                return self.ask(question) if math.isnan(value) else value
            def answer(self, *questions):
                return [self.ask(question) for question in questions]
        def load():
            return Patient()
        """
    snippets.write(tmp_path, code, prelude=snippets.IMPORTS + snippets.LLM)
    (outcome,) = [one for one in read_sources(tmp_path) if one.slug == "unbounded-recursion"]

    assert outcome.status == "passed"
    assert "ask() called by itself with as much to do as before (possible only)" in outcome.message


def test_walk_over_a_tree_ends(tmp_path: Path) -> None:
    """Recursion over something whose size nobody knows is not condemned."""
    code = """
        def flatten(node):
            if isinstance(node, list):
                return [leaf for child in node for leaf in flatten(child)]
            return [node]
        def train_model():
            print(flatten(json.load(open("x"))))
        """
    snippets.assert_as_marked(tmp_path, code)
