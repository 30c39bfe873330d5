"""The only module that knows what a prompt looks like.

Both the training texts and the inference prompts are built from `Layout.prompt`, so they
cannot drift apart (last year I trained with "Question: ..." and tested without it).
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Layout:
    lead_in: str

    OPEN: ClassVar[str] = "<answer>"
    CLOSE: ClassVar[str] = "</answer>"

    def prompt(self, question: str) -> str:
        return question.strip() + self.lead_in

    def direct(self, value: float) -> str:
        """Completion when the lead-in already holds the opening tag."""
        return f"{round(value, 4):g}{self.CLOSE}"

    def reasoned(self, text: str) -> str:
        """Completion when the model has to reason first and open the tag itself."""
        return " " + text.strip()


DIRECT = Layout(lead_in=" " + Layout.OPEN)
REASONED = Layout(lead_in="")
