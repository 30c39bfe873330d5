from .base_llm import BaseLLM
from .data import Dataset
from .deco import COMMANDS, command, timed
from .train import HERE, attach, fit, report


class SFTModel(BaseLLM):
    room = 20

    def format_prompt(self, question):
        return f"{question.strip()} <answer>"

    def parse_answer(self, text):
        return super().parse_answer("<answer>" + text)


def format_example(prompt, answer):
    return {"question": f"{prompt.strip()} <answer>", "answer": f"{round(float(answer), 3):.10g}</answer>"}


@command("sft")
@timed
def load(ckpt_path=HERE / "sft_output"):
    return attach(ckpt_path, SFTModel())


@command("sft")
def train_model(output_dir=HERE / "sft_output", **kwargs):
    fit(SFTModel(), Dataset("train"), format_example, output_dir, rank=8, **kwargs)
    test_model(output_dir)


@command("sft")
def test_model(ckpt_path=HERE / "sft_output"):
    report(load(ckpt_path))


if __name__ == "__main__":
    from fire import Fire

    Fire(COMMANDS["sft"])
