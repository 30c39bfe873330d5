from . import config
from .model import Reasons
from .train import report, restore, train


def format_example(prompt, answer, reasoning):
    return {"question": Reasons.prompt.format(question=prompt.strip()), "answer": reasoning}


def load():
    return restore("rft", "rft_model")


def train_model(output_dir="rft_model", **kwargs):
    train("rft", output_dir, format_example, config.LARGE | {"inference_mode": False}, **kwargs)
    test_model(output_dir)


def test_model(ckpt_path="rft_model"):
    report(restore("rft", ckpt_path))


if __name__ == "__main__":
    import fire

    fire.Fire({"train": train_model, "test": test_model, "load": load})
