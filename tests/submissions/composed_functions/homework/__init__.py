from homework.core import BaseLLM, load_cot, load_rft, load_sft
from homework.data import Dataset

__all__ = ["BaseLLM", "Dataset", "load_cot", "load_rft", "load_sft"]
