from . import wording
from .adapter_store import HERE, put_on
from .base_llm import BaseLLM
from .data import Dataset
from .sft import TokenizedDataset, fit, report, tokenize  # noqa: F401

SAVED = HERE / "rft_model"
RANK = 16


class RFTModel(BaseLLM):
    max_new_tokens = 85

    def format_prompt(self, question: str) -> str:
        return wording.reasoned(question)


def format_example(prompt: str, answer: float, reasoning: str) -> dict[str, str]:
    return {"question": wording.reasoned(prompt), "answer": f" {reasoning.strip()}"}


def load() -> RFTModel:
    return put_on(RFTModel(), SAVED, rank=RANK)


def train_model(output_dir: str = str(SAVED), rank: int = RANK):
    rows = Dataset("rft")
    if len(rows) == 0:
        raise ValueError("data/rft.json has no rows")
    fit(RFTModel, rows, format_example, output_dir, rank)
    test_model(output_dir)


def test_model(ckpt_path: str = str(SAVED)):
    report(put_on(RFTModel(), ckpt_path, rank=RANK))


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
