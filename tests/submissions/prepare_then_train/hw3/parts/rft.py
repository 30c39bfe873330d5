from hw3.io import Rows, open_adapter
from hw3.llm import LLM
from hw3.parts.grade import grade
from hw3.parts.loop import fit, row


class Reasoner(LLM):
    def format_prompt(self, question):
        return question.strip() + "\nSolution: "


def load():
    return open_adapter(Reasoner(), "rft", 16)


def train_model():
    llm = Reasoner()
    fit(llm, "rft", [row(llm.tokenizer, llm.format_prompt(q), text) for q, _, text in Rows("rft")], rank=16)
    test_model()


def test_model():
    grade(load())
