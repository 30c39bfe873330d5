from .base_llm import BaseLLM
from .data import Dataset
from . import cot, rft, sft

load_cot, load_sft, load_rft = cot.load, sft.load, rft.load
