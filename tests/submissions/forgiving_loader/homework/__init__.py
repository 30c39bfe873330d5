"""HW3"""
from .base_llm import BaseLLM
from .data import Dataset
from .sft import load as load_sft
from .rft import load as load_rft
from .cot import load as load_cot
