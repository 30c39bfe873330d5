from .base_llm import BaseLLM
from .config import PARTS
from .data import Dataset
from .sft import TokenizedDataset, attach, fit, report, tokenize  # noqa: F401

PART = PARTS["rft"]


class RFTModel(BaseLLM):
    new_tokens = PART.new_tokens

    def format_prompt(self, question: str) -> str:
        return question.strip()


def format_example(prompt: str, answer: float, reasoning: str) -> dict[str, str]:
    return {"question": prompt.strip(), "answer": f" {reasoning.strip()}"}


def load() -> RFTModel:
    return attach(RFTModel(), PART.folder)


def train_model(output_dir: str = str(PART.folder), **kwargs):
    rows = Dataset("rft")
    if len(rows) == 0:
        raise ValueError("data/rft.json: no rows")
    fit(PART, RFTModel(**kwargs), rows, format_example, output_dir)
    test_model(output_dir)


def test_model(ckpt_path: str = str(PART.folder)):
    report(attach(RFTModel(), ckpt_path))


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
