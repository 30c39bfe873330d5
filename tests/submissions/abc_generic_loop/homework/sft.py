from collections.abc import Sequence

from .base_llm import BaseLLM
from .data import Dataset, Mapped
from .tasks import AdapterTask, Row


class SFT(AdapterTask[Row, BaseLLM]):
    folder = "sft_model"
    rank = 8

    def new_model(self) -> BaseLLM:
        return BaseLLM()

    def rows(self) -> Sequence[Row]:
        return Mapped(Dataset("train"), lambda r: Row(r[0], r[1]))

    def completion(self, row: Row) -> str:
        # the prompt has opened the tag already
        return f"{round(row.answer, 3)}</answer>"


TASK = SFT()

load, train_model, test_model = TASK.load, TASK.train, TASK.test

if __name__ == "__main__":
    from .cli import main

    main(TASK)
