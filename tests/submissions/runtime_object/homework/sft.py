import sys
from pathlib import Path

from homework.llm import BaseLLM, Dataset
from homework.lora_training import LoraRun, show, with_adapter

ADAPTER = Path(__file__).with_name("sft_model")


class SFTModel(BaseLLM):
    def format_prompt(self, question):
        return question.strip() + " <answer>"

    def parse_answer(self, text):
        return super().parse_answer("<answer>" + text)


class SFTRun(LoraRun):
    model_class = SFTModel

    def examples(self):
        return [(self.llm.format_prompt(q), f"{a:.5g}</answer>") for q, a in Dataset("train")]


def load():
    return with_adapter(SFTModel, ADAPTER)


def train_model(output_dir=ADAPTER, **kwargs):
    SFTRun(output_dir).run()
    test_model(output_dir)


def test_model(ckpt_path=ADAPTER):
    show(with_adapter(SFTModel, ckpt_path))


if __name__ == "__main__":
    globals()[{"train": "train_model", "test": "test_model", "load": "load"}[sys.argv[1]]](*sys.argv[2:])
