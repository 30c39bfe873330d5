from pathlib import Path

import typer

from homework.base_llm import BaseLLM
from homework.data import Dataset, benchmark
from homework.settings import RFT
from homework.sft import TokenizedDataset, attach, fit


class RFTModel(BaseLLM):
    def __init__(self, checkpoint: str | None = None):
        super().__init__(checkpoint, RFT.model)

    def format_prompt(self, question: str) -> str:
        return question.strip()


def load() -> RFTModel:
    return attach(RFTModel(), RFT.folder)


def format_example(question: str, answer: float, reasoning: str) -> dict[str, str]:
    return {"question": question.strip(), "answer": f" {reasoning.strip()}"}


def train_model(output_dir: str = str(RFT.folder), **kwargs) -> None:
    llm = RFTModel()
    data = TokenizedDataset(llm.tokenizer, Dataset("rft"), format_example, RFT.max_length)
    fit(llm, data, RFT.with_train(**kwargs), Path(output_dir))
    test_model(output_dir)


def test_model(ckpt_path: str = str(RFT.folder)) -> None:
    typer.echo(str(benchmark(attach(RFTModel(), Path(ckpt_path)), Dataset("valid"), 100)))


app = typer.Typer()
app.command("train")(lambda output_dir=str(RFT.folder): train_model(output_dir))
app.command("test")(test_model)
app.command("load")(lambda: typer.echo(load().model.__class__.__name__))

if __name__ == "__main__":
    app()
