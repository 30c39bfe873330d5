from .adapters import load_adapter
from .base_llm import BaseLLM
from .data import Dataset, benchmark
from .settings import RFTSettings
from .sft import TokenizedDataset, finetune, tokenize  # noqa: F401

DEFAULT_OUTPUT = "rft_model"


class RFTModel(BaseLLM):
    def __init__(self, checkpoint=None):
        super().__init__(checkpoint, max_new_tokens=96)

    def format_prompt(self, question: str) -> str:
        return f"{question.strip()}\nReasoning:"


def format_example(prompt: str, answer: float, reasoning: str) -> dict[str, str]:
    return {"question": f"{prompt.strip()}\nReasoning:", "answer": f" {reasoning.strip()}"}


def load() -> RFTModel:
    llm = RFTModel()
    llm.model = load_adapter(llm.model, DEFAULT_OUTPUT)
    return llm


def train_model(output_dir: str = DEFAULT_OUTPUT, **kwargs):
    data = Dataset("rft")
    if len(data) == 0:
        raise SystemExit("data/rft.json has no rows")
    llm = RFTModel()
    target = finetune(llm, TokenizedDataset(llm.tokenizer, data, format_example), RFTSettings(**kwargs), output_dir)
    test_model(str(target))


def test_model(ckpt_path: str = DEFAULT_OUTPUT):
    llm = RFTModel()
    llm.model = load_adapter(llm.model, ckpt_path)
    result = benchmark(llm, Dataset("valid"), 100)
    print(f"{result.accuracy=} {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
