"""Unit conversion by a small language model."""

from .llm import BaseLLM
from .questions import Dataset
from .stages import load_cot, load_rft, load_sft

__all__ = ["BaseLLM", "Dataset", "load_cot", "load_rft", "load_sft"]
