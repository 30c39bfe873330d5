from .solver import BaseLLM, Dataset, load_cot, load_rft, load_sft
