from . import prompts
from .llm import BaseLLM, Dataset, benchmark
from .tuning import tune, tuned


class SFTModel(BaseLLM):
    def format_prompt(self, question):
        return prompts.direct(question)


def load():
    return tuned(SFTModel(), "sft_model")


def train_model(output_dir="sft_model", **kwargs):
    llm = SFTModel()
    pairs = []
    for question, value in Dataset("train"):
        asked = prompts.chat(llm.tokenizer, question)
        pairs.append((asked, f"<answer>{round(value, 3)}</answer>"))
    tune(llm, pairs, output_dir, rank=8, **kwargs)
    test_model(output_dir)


def test_model(ckpt_path="sft_model"):
    benchmark(tuned(SFTModel(), ckpt_path), Dataset("valid"), 100)


if __name__ == "__main__":
    import fire

    fire.Fire(dict(train=train_model, test=test_model, load=load))
