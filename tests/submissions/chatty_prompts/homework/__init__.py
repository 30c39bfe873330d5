from .llm import *
from .cot import load as load_cot
from .sft import load as load_sft
from .rft import load as load_rft
