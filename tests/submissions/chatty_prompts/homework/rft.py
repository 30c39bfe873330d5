from . import prompts
from .llm import BaseLLM, Dataset, benchmark
from .tuning import tune, tuned


class RFTModel(BaseLLM):
    def format_prompt(self, question):
        return prompts.stepwise(question)

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        return super().batched_generate([self.format_prompt(p) for p in prompts], num_return_sequences, temperature)


def load():
    return tuned(RFTModel(), "rft_model")


def train_model(output_dir="rft_model", **kwargs):
    llm = RFTModel()
    tune(llm, [(llm.format_prompt(q), why) for q, _, why in Dataset("rft")], output_dir, rank=16, **kwargs)
    test_model(output_dir)


def test_model(ckpt_path="rft_model"):
    benchmark(tuned(RFTModel(), ckpt_path), Dataset("valid"), 100)


if __name__ == "__main__":
    import fire

    fire.Fire(dict(train=train_model, test=test_model, load=load))
