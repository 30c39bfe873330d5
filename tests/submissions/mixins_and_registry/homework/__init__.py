from .core import BaseLLM, Dataset
from .stages import REGISTRY

load_cot = REGISTRY["cot"].load
load_sft = REGISTRY["sft"].load
load_rft = REGISTRY["rft"].load
