from .data import Dataset, benchmark
from .sft import HERE, SFTModel, TokenizedDataset, cli, run_training, tokenize  # noqa: F401


class RFTModel(SFTModel):
    adapter = HERE / "rft_adapter"
    max_new_tokens = 80

    def format_prompt(self, question):
        return question.strip() + "\n"


def load():
    return RFTModel().with_adapter()


def format_example(prompt, answer, reasoning):
    return {"question": prompt.strip() + "\n", "answer": reasoning}


def train_model(output_dir=RFTModel.adapter, **kwargs):
    run_training(RFTModel, "rft", format_example, output_dir, rank=16, **{"lr": 5e-4, **kwargs})


def test_model(ckpt_path=RFTModel.adapter):
    res = benchmark(RFTModel().with_adapter(ckpt_path), Dataset("valid"), 100)
    print("accuracy", res.accuracy, "answer rate", res.answer_rate)


if __name__ == "__main__":
    cli(train_model, test_model, load, RFTModel.adapter)
