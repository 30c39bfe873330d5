from .base_llm import BaseLLM
from .data import Dataset, evaluate
from .finetune import HERE, TokenizedDataset, attach, run_training
from .prompts import plain_prompt

OUTPUT = HERE / "rft_model"


class RFTModel(BaseLLM):
    max_new_tokens = 100

    def format_prompt(self, question: str) -> str:
        return plain_prompt(question)


def format_example(prompt: str, answer: float, reasoning: str) -> dict[str, str]:
    return {"question": plain_prompt(prompt), "answer": " " + reasoning.strip()}


def load() -> RFTModel:
    return attach(RFTModel(), OUTPUT)


def train_model(output_dir: str | None = None, **kwargs):
    llm = RFTModel()
    dataset = TokenizedDataset(llm.tokenizer, Dataset("rft"), format_example, max_length=256)
    run_training(llm, dataset, output_dir or OUTPUT, rank=12, **kwargs)
    test_model(output_dir)


def test_model(ckpt_path: str | None = None):
    print(evaluate(attach(RFTModel(), ckpt_path or OUTPUT)))


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
