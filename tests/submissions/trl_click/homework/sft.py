from .base_llm import BaseLLM
from .data import Dataset
from .tuning import HERE, attach_adapter, make_cli, report, tune

SFT_DIR = HERE / "sft_model"


def load():
    return attach_adapter(BaseLLM(), SFT_DIR)


def format_example(prompt, answer):
    number = f"{float(answer):.3f}".rstrip("0").rstrip(".")
    return {"question": prompt.strip() + " <answer>", "answer": number + "</answer>"}


def train_model(output_dir=SFT_DIR, epochs=5, learning_rate=5e-4, **kwargs):
    rows = []
    for question, answer in Dataset("train"):
        example = format_example(question, answer)
        rows.append({"prompt": example["question"], "completion": example["answer"]})
    tune(BaseLLM(), rows, output_dir, rank=8, learning_rate=learning_rate, epochs=epochs, max_length=96)
    test_model(output_dir)


def test_model(ckpt_path=SFT_DIR):
    return report(attach_adapter(BaseLLM(), ckpt_path))


if __name__ == "__main__":
    make_cli(train_model, test_model, load, SFT_DIR)()
