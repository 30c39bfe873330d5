from .base_llm import BaseLLM as BaseLLM
from .cot import load as load_cot
from .data import Dataset as Dataset
from .rft import load as load_rft
from .sft import load as load_sft

__all__ = ["BaseLLM", "Dataset", "load_cot", "load_sft", "load_rft"]
