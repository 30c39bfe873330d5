from hw3.data import Dataset
from hw3.model import BaseLLM, load_cot, load_rft, load_sft

__all__ = ["BaseLLM", "Dataset", "load_cot", "load_rft", "load_sft"]
