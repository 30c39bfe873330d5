from functools import partial

from .fn import dataset as Dataset, llm as _llm, restore as _restore

BaseLLM = _llm
load_cot = partial(_llm, style="cot")
load_sft = partial(_restore, "sft")
load_rft = partial(_restore, "rft")
