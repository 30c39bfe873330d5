"""Post-processing: a chain of small functions (question, text, value) -> value."""
from .guardrails import plausible
from .text import leading_number, tidy

CHAIN = (tidy, plausible)
__all__ = ["CHAIN", "leading_number", "plausible", "tidy"]
