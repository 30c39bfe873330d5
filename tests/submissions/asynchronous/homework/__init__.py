from .client import BaseLLM, load_cot, load_rft, load_sft
from .dataset import Dataset

__all__ = ["BaseLLM", "Dataset", "load_cot", "load_rft", "load_sft"]
