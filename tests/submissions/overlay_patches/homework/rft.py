from .base_llm import BaseLLM
from .data import Dataset, benchmark
from .overlays import apply, nearest
from .training import HERE, TokenizedDataset, attach, fit


class RFTModel(BaseLLM):
    def format_prompt(self, question):
        return question.strip()


def load():
    return apply(attach(RFTModel(), HERE / "rft_model"), nearest)


def format_example(prompt, answer, reasoning):
    return {"question": prompt.strip(), "answer": " " + reasoning.strip()}


def train_model(output_dir=str(HERE / "rft_model"), **kw):
    llm = RFTModel()
    fit(llm, TokenizedDataset(llm.tokenizer, Dataset("rft"), format_example), output_dir, r=16, **kw)
    test_model(output_dir)


def test_model(ckpt_path=str(HERE / "rft_model")):
    print(benchmark(attach(RFTModel(), ckpt_path), Dataset("valid"), 100))


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
