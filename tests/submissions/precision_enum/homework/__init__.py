from .core import BaseLLM
from .data import Dataset
from .tasks import load_cot, load_rft, load_sft

__all__ = ["BaseLLM", "Dataset", "load_cot", "load_rft", "load_sft"]
