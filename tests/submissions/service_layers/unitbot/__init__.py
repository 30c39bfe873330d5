"""unitbot: small language model, big unit conversions."""
from importlib import import_module

from .base_llm import BaseLLM
from .data import Dataset

__version__ = "1.0.0"
__all__ = ["BaseLLM", "Dataset", "load_cot", "load_rft", "load_sft"]


def load_cot():
    return import_module(".cot", __name__).load()


def load_sft():
    return import_module(".sft", __name__).load()


def load_rft():
    return import_module(".rft", __name__).load()
