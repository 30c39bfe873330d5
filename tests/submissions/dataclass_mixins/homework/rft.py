from .base_llm import BaseLLM
from .data import Dataset
from .options import ROOT, GenerationOptions, RFTOptions, command_line
from .sft import TokenizedDataset, fit, load_into, report, tokenize  # noqa: F401


class RFTModel(BaseLLM):
    generation = GenerationOptions(max_new_tokens=90)

    def format_prompt(self, question: str) -> str:
        return question.strip()


def format_example(prompt: str, answer: float, reasoning: str) -> dict[str, str]:
    return {"question": prompt.strip(), "answer": " " + reasoning.strip()}


def load() -> BaseLLM:
    return load_into(RFTModel(), ROOT / "rft_model")


def train_model(output_dir: str = str(ROOT / "rft_model"), **kwargs):
    options = RFTOptions.from_kwargs(output_dir=output_dir, **kwargs)
    rows = Dataset("rft")
    if len(rows) == 0:
        raise ValueError("no rows in data/rft.json")
    fit(RFTModel(), rows, format_example, options)
    test_model(output_dir)


def test_model(ckpt_path: str = str(ROOT / "rft_model")):
    report(load_into(RFTModel(), ckpt_path))


if __name__ == "__main__":
    command_line(train=train_model, test=test_model, load=load)
