from .adapters import restore, start
from .base_llm import BaseLLM
from .data import Dataset, benchmark
from .sft import fit

RANK = 16


class RFTModel(BaseLLM):
    def format_prompt(self, question):
        return question.strip() + "\n"


def format_example(prompt, answer, reasoning):
    return {"question": prompt.strip() + "\n", "answer": reasoning}


def load():
    return restore(RFTModel(), "rft_model", RANK)


def train_model(output_dir="rft_model", **kwargs):
    llm = RFTModel()
    llm.model = start(llm.model, RANK)
    fit(llm, Dataset("rft"), format_example, output_dir, **kwargs)
    test_model(output_dir)


def test_model(ckpt_path="rft_model"):
    print(benchmark(restore(RFTModel(), ckpt_path, RANK), Dataset("valid"), 100).accuracy)


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
