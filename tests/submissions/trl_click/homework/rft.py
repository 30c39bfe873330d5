from .base_llm import BaseLLM
from .data import Dataset
from .tuning import HERE, attach_adapter, make_cli, report, tune

RFT_DIR = HERE / "rft_model"


class RFTModel(BaseLLM):
    max_new_tokens = 80

    def format_prompt(self, question):
        return question.strip() + "\nReasoning:"


def load():
    return attach_adapter(RFTModel(), RFT_DIR)


def train_model(output_dir=RFT_DIR, epochs=5, learning_rate=5e-4, **kwargs):
    llm = RFTModel()
    rows = [
        {"prompt": llm.format_prompt(question), "completion": " " + reasoning.strip()}
        for question, _, reasoning in Dataset("rft")
    ]
    tune(llm, rows, output_dir, rank=10, learning_rate=learning_rate, epochs=epochs, max_length=192)
    test_model(output_dir)


def test_model(ckpt_path=RFT_DIR):
    return report(attach_adapter(RFTModel(), ckpt_path))


if __name__ == "__main__":
    make_cli(train_model, test_model, load, RFT_DIR)()
