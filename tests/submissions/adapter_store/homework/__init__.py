from .base_llm import BaseLLM
from .cot import load as load_cot
from .data import Dataset
from .stages import RFT, SFT

load_sft = SFT.load
load_rft = RFT.load
