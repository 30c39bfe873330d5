from .llm import BaseLLM, CoTModel
from .rows import Dataset
from .tuned import load_rft, load_sft


def load_cot():
    return CoTModel()


__all__ = ["BaseLLM", "Dataset", "load_cot", "load_rft", "load_sft"]
