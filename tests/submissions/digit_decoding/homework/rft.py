from pathlib import Path

from .base_llm import BaseLLM
from .data import Dataset
from .evaluate import report
from .sft import TokenizedDataset, add_adapter, run

OUTPUT = Path(__file__).resolve().parent / "rft_model"
TEMPLATE = "Q: {question}\nA:"


class RFTModel(BaseLLM):
    max_new_tokens = 80

    def format_prompt(self, question):
        return TEMPLATE.format(question=question.strip())


def load():
    return add_adapter(RFTModel(), OUTPUT)


def format_example(prompt, answer, reasoning):
    return {"question": TEMPLATE.format(question=prompt.strip()), "answer": " " + reasoning.strip()}


def train_model(output_dir=OUTPUT, lr=5e-4, epochs=6):
    llm = RFTModel()
    run(llm, TokenizedDataset(llm.tokenizer, Dataset("rft"), format_example), output_dir, 16, lr, epochs)
    test_model(output_dir)


def test_model(ckpt_path=OUTPUT):
    report(add_adapter(RFTModel(), ckpt_path))


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
