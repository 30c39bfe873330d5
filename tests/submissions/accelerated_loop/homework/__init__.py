from .base_llm import BaseLLM
from .data import Dataset


def load_cot():
    from .cot import load
    return load()


def load_sft():
    from .sft import load
    return load()


def load_rft():
    from .rft import load
    return load()
