from .base_llm import BaseLLM
from .data import Dataset, evaluate
from .finetune import HERE, TokenizedDataset, attach, encode, run_training
from .prompts import CLOSE_TAG, format_number, tagged_prompt

OUTPUT = HERE / "sft_model"


class SFTModel(BaseLLM):
    max_new_tokens = 24

    def format_prompt(self, question: str) -> str:
        return tagged_prompt(question)


def tokenize(tokenizer, question: str, answer: str):
    return encode(tokenizer, question, answer, max_length=128)


def format_example(prompt: str, answer: float) -> dict[str, str]:
    return {"question": tagged_prompt(prompt), "answer": format_number(answer) + CLOSE_TAG}


def load() -> SFTModel:
    return attach(SFTModel(), OUTPUT)


def train_model(output_dir: str | None = None, **kwargs):
    llm = SFTModel()
    dataset = TokenizedDataset(llm.tokenizer, Dataset("train"), format_example)
    run_training(llm, dataset, output_dir or OUTPUT, rank=8, **kwargs)
    test_model(output_dir)


def test_model(ckpt_path: str | None = None):
    print(evaluate(attach(SFTModel(), ckpt_path or OUTPUT)))


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
