from .base_llm import BaseLLM
from .data import Dataset
from .engine import Plan
from .sft import HOME, TokenizedDataset, finetune, restore, show, tokenize  # noqa: F401


class RFTModel(BaseLLM):
    max_new_tokens = 85

    def format_prompt(self, question: str) -> str:
        return question.strip()


def format_example(prompt: str, answer: float, reasoning: str) -> dict[str, str]:
    return {"question": prompt.strip(), "answer": f" {reasoning.strip()}"}


def load() -> BaseLLM:
    return restore(RFTModel(), HOME / "rft_model")


def train_model(output_dir: str = str(HOME / "rft_model"), rank: int = 16, **kwargs):
    rows = Dataset("rft")
    if not len(rows):
        raise ValueError("data/rft.json is empty")
    finetune(RFTModel(), rows, format_example, output_dir, rank, Plan(**kwargs))
    test_model(output_dir)


def test_model(ckpt_path: str = str(HOME / "rft_model")):
    show(restore(RFTModel(), ckpt_path))


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
