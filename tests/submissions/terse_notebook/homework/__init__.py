from .nb import B as BaseLLM, D as Dataset, lc as load_cot, ls as load_sft, lr_ as load_rft
