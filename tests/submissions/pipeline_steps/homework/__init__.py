from .llm import BaseLLM, load_cot, load_rft, load_sft
from .dataset import Dataset

__version__ = "0.3"
