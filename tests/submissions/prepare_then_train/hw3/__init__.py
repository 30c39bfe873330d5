from hw3.llm import LLM as BaseLLM
from hw3.io import Rows as Dataset
from hw3.parts import cot as _cot, rft as _rft, sft as _sft


def load_cot():
    return _cot.load()


def load_sft():
    return _sft.load()


def load_rft():
    return _rft.load()
