from . import adapters, loop
from .base_llm import BaseLLM
from .data import Dataset, benchmark


class SFT(BaseLLM):
    max_tokens_per_call = 16

    def format_prompt(self, question):
        return f"{question.strip()} <answer>"

    def parse_answer(self, text):
        return super().parse_answer("<answer>" + text)


def format_example(prompt, answer):
    return {"question": f"{prompt.strip()} <answer>", "answer": f"{round(answer, 3):.10g}</answer>"}


def load(path=None):
    return adapters.attach(SFT(), adapters.place("sft_output", path))


def train_model(output_dir=None, **kwargs):
    llm = SFT()
    pairs = [tuple(format_example(q, a).values()) for q, a in Dataset("train")]
    loop.train(llm, pairs, adapters.place("sft_output", output_dir), **kwargs)
    test_model(output_dir)


def test_model(ckpt_path=None):
    r = benchmark(load(ckpt_path), Dataset("valid"), 100)
    print(f"accuracy {r.accuracy:.2f} answered {r.answer_rate:.2f}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
