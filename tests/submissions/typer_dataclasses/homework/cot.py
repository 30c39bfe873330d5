import typer

from homework.base_llm import BaseLLM
from homework.data import Dataset, benchmark
from homework.settings import COT, ModelSettings


CONVERSATION = (
    ("system", "Convert units. Reply with one equation and the result in <answer></answer> tags."),
    ("user", "What is 15 m/s in km/h?"),
    ("assistant", "1 m/s = 3.6 km/h. 15 * 3.6 = <answer>54</answer>"),
    ("user", "How many bit are there in 12 byte?"),
    ("assistant", "1 byte = 8 bit. 12 * 8 = <answer>96</answer>"),
)


class CoTModel(BaseLLM):
    def __init__(self, checkpoint: str | None = None, settings: ModelSettings = COT):
        super().__init__(checkpoint, settings)

    def format_prompt(self, question: str) -> str:
        turns = [{"role": r, "content": c} for r, c in (*CONVERSATION, ("user", question.strip()))]
        return self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)


def load() -> CoTModel:
    return CoTModel()


def test_model() -> None:
    typer.echo(str(benchmark(load(), Dataset("valid"), 100)))


if __name__ == "__main__":
    typer.run(lambda command="test": test_model())
