from . import units
from .app import BaseLLM, Dataset, load_cot, load_rft, load_sft
