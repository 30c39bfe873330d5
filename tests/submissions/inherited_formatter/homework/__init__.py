"""
.. module:: homework
   :synopsis: Unit conversion with SmolLM2.
"""

from .base import BaseLLM
from .corpus import Corpus as Dataset
from .experiments import ChainOfThought, Finetuned, Rejection


def load_cot():
    return ChainOfThought.restore()


def load_sft():
    return Finetuned.restore()


def load_rft():
    return Rejection.restore()
