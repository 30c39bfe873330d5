from homework.base_llm import BaseLLM
from homework.cot import load as load_cot
from homework.data import Dataset
from homework.rft import load as load_rft
from homework.sft import load as load_sft

__all__ = ["BaseLLM", "Dataset", "load_cot", "load_rft", "load_sft"]
