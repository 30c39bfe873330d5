"""A submission that answers without a model: as the grader calls it, and imported in milliseconds.

``write_submission`` writes the package; what a test changes in it are whole functions, or lines before them.
"""

from __future__ import annotations

from pathlib import Path

QUESTIONS = [f"How many cm are in {n} m?" for n in range(1, 9)]
ANSWERS = tuple(float(100 * n) for n in range(1, 9))

SOURCE = """
import re
{before}

class Weight:
    def numel(self):
        return 1000

class Model:
    def parameters(self):
        return [Weight(), Weight()]

    def __call__(self, **inputs):
        return inputs

class Tokens(list):
    def to(self, device):
        return self

class Tokenizer:
    def __call__(self, texts, padding, return_tensors):
        return {{"input_ids": Tokens(texts)}}

class BaseLLM:
    device = "cpu"

    def __init__(self):
        self.model, self.tokenizer = Model(), Tokenizer()

    def batched_generate(self, prompts):
        return [f"{{100 * int(re.search('[0-9]+', prompt)[0])}}</answer>" for prompt in prompts]

    def answer(self, *questions):
        return [float(text.partition("<")[0]) for text in self.batched_generate(list(questions))]

def load_sft():
    return BaseLLM()

{after}
"""


def write_submission(folder: Path, before: str = "", after: str = "") -> Path:
    """Write the package ``homework`` below a folder.

    Args:
        folder: Where it goes.
        before: Source that runs first, when it is imported.
        after: Source behind the healthy functions, which it may define again.
    """
    package = folder / "homework"
    package.mkdir()
    (package / "__init__.py").write_text(SOURCE.format(before=before, after=after))
    return package


def take_time_for_each_call(package: Path, seconds: float) -> None:
    """Let a call take what a forward pass does: about the same for one prompt as for many."""
    with (package / "__init__.py").open("a") as file:
        file.write(
            "\nimport time\ncomplete = BaseLLM.batched_generate\n"
            f"def batched_generate(self, prompts):\n    time.sleep({seconds})\n    return complete(self, prompts)\n"
            "BaseLLM.batched_generate = batched_generate\n"
        )


def prefer_what_is_there(package: Path) -> None:
    """Let the load try a package, the network and a file, and do without them, as good libraries do."""
    with (package / "__init__.py").open("a") as file:
        file.write(
            "\nload_alone = load_sft\ndef load_sft():\n    import socket\n    try:\n        import pytest\n"
            "    except ImportError:\n        pass\n    try:\n        socket.getaddrinfo('example.com', 443)\n"
            "    except OSError:\n        pass\n    try:\n        open('notes.txt', 'w')\n    except OSError:\n"
            "        pass\n    return load_alone()\n"
        )
