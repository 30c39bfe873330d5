from collections.abc import Sequence

from .base_llm import BaseLLM
from .data import Dataset, Mapped
from .tasks import AdapterTask, ReasonedRow


class RFTModel(BaseLLM):
    token_budget = 90

    def format_prompt(self, question: str) -> str:
        return question.strip() + "\n"


class RFT(AdapterTask[ReasonedRow, RFTModel]):
    folder = "rft_model"
    rank = 10
    max_length = 224

    def new_model(self) -> RFTModel:
        return RFTModel()

    def rows(self) -> Sequence[ReasonedRow]:
        return Mapped(Dataset("rft"), lambda r: ReasonedRow(*r))

    def completion(self, row: ReasonedRow) -> str:
        return row.reasoning.strip()


TASK = RFT()

load, train_model, test_model = TASK.load, TASK.train, TASK.test

if __name__ == "__main__":
    from .cli import main

    main(TASK)
