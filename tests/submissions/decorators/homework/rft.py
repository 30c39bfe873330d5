import json

from .base_llm import BaseLLM
from .deco import COMMANDS, STORE, command, timed
from .train import HERE, attach, fit, report


class RFTModel(BaseLLM):
    room = 90

    def format_prompt(self, question):
        return question.strip()


def format_example(prompt, answer, reasoning):
    return {"question": prompt.strip(), "answer": f" {reasoning.strip()}"}


@command("rft")
@timed
def load(ckpt_path=HERE / "rft_output"):
    return attach(ckpt_path, RFTModel())


@command("rft")
def train_model(output_dir=HERE / "rft_output", **kwargs):
    rows = json.loads((STORE / "rft.json").read_text())
    fit(RFTModel(), rows, format_example, output_dir, rank=16, **kwargs)
    test_model(output_dir)


@command("rft")
def test_model(ckpt_path=HERE / "rft_output"):
    report(load(ckpt_path))


if __name__ == "__main__":
    from fire import Fire

    Fire(COMMANDS["rft"])
