"""Texts the models are trained on."""
from string import Template

CARD = Template("Question: ${question}\nAnswer: <answer>")
PLAIN = Template("${question}")


def card(question: str) -> str:
    return CARD.substitute(question=question.strip())


def plain(question: str) -> str:
    return PLAIN.substitute(question=question.strip())
