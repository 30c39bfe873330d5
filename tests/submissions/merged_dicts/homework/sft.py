from . import config
from .model import TagGiven
from .train import TokenizedDataset, report, restore, tokenize, train


def format_example(prompt, answer, *_):
    return {"question": TagGiven.prompt.format(question=prompt.strip()), "answer": f"{round(answer, 4)}</answer>"}


def load():
    return restore("sft", "sft_model")


def train_model(output_dir="sft_model", **kwargs):
    train("sft", output_dir, format_example, config.SMALL, **kwargs)
    test_model(output_dir)


def test_model(ckpt_path="sft_model"):
    report(restore("sft", ckpt_path))


if __name__ == "__main__":
    import fire

    fire.Fire({"train": train_model, "test": test_model, "load": load})
