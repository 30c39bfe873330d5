from .data import Dataset
from .llm import BaseLLM
from .runner import load_cot, load_rft, load_sft

__all__ = ["BaseLLM", "Dataset", "load_cot", "load_rft", "load_sft"]
