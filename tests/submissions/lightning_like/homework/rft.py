from functools import partial

from .base_llm import CONFIG, PACKAGE, BaseLLM
from .data import Dataset, TokenizedDataset, benchmark
from .sft import attach, main, run, tokenize

OPTIONS = CONFIG["rft"]
FOLDER = PACKAGE / OPTIONS["folder"]


class RFTModel(BaseLLM):
    max_new_tokens = 90

    def format_prompt(self, question: str) -> str:
        return question.strip()


def load() -> RFTModel:
    return attach(RFTModel(), FOLDER)


def format_example(question: str, answer: float, reasoning: str):
    return {"question": question.strip(), "answer": " " + reasoning.strip()}


def train_model(output_dir: str = str(FOLDER), **kwargs):
    llm = RFTModel()
    encode = partial(tokenize, max_length=OPTIONS["max_length"])
    run(llm, TokenizedDataset(llm.tokenizer, Dataset("rft"), format_example, encode), OPTIONS | kwargs, output_dir)
    test_model(output_dir)


def test_model(ckpt_path: str = str(FOLDER)):
    result = benchmark(attach(RFTModel(), ckpt_path), Dataset("valid"), 100)
    print(f"{result.accuracy=} {result.answer_rate=}")


if __name__ == "__main__":
    main(train_model, test_model, load)
