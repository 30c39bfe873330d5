from homework.llm import BaseLLM, Dataset
from homework.cot import load as load_cot
from homework.rft import load as load_rft
from homework.sft import load as load_sft
