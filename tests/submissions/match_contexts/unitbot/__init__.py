from unitbot.dataset import Dataset
from unitbot.engine import BaseLLM
from unitbot.stages import load_cot, load_rft, load_sft
