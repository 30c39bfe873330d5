from hw3.io import Rows, open_adapter
from hw3.llm import LLM
from hw3.parts.grade import grade
from hw3.parts.loop import fit, row


class Direct(LLM):
    def format_prompt(self, question):
        return question.strip() + " <answer>"


def load():
    return open_adapter(Direct(), "sft", 8)


def train_model():
    llm = Direct()
    fit(llm, "sft", [row(llm.tokenizer, llm.format_prompt(q), f"{a:.6g}</answer>") for q, a in Rows("train")])
    test_model()


def test_model():
    grade(load())
