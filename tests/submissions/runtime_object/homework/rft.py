import sys
from pathlib import Path

from homework.llm import BaseLLM, Dataset
from homework.lora_training import LoraRun, show, with_adapter

ADAPTER = Path(__file__).with_name("rft_model")


class RFTRun(LoraRun):
    model_class = BaseLLM
    rank = 16

    def examples(self):
        return [(self.llm.format_prompt(q), " " + why) for q, _, why in Dataset("rft")]


def load():
    return with_adapter(BaseLLM, ADAPTER)


def train_model(output_dir=ADAPTER, **kwargs):
    RFTRun(output_dir).run()
    test_model(output_dir)


def test_model(ckpt_path=ADAPTER):
    show(with_adapter(BaseLLM, ckpt_path))


if __name__ == "__main__":
    {"train": train_model, "test": test_model, "load": load}[sys.argv[1]](*sys.argv[2:])
