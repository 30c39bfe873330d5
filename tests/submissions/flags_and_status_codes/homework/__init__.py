from .llm import BaseLLM, load_cot, load_rft, load_sft
from .table import Dataset
