import os, sys
from .base_llm import BaseLLM
from .data import Dataset, benchmark
from .loop import Fitter, attach, tokenize

FOLDER = os.path.join(os.path.dirname(__file__), "sft_model")

class SFTModel(BaseLLM):
    def format_prompt(self, question):
        return question.strip() + " <answer>"

def format_example(prompt, answer):
    return dict(question=prompt.strip() + " <answer>", answer=f"{answer:.4f}</answer>")

def load():
    return attach(SFTModel(), FOLDER)

def train_model(output_dir=FOLDER, **kw):
    llm = SFTModel()
    Fitter(llm, [tokenize(llm.tokenizer, **format_example(*row)) for row in Dataset("train")], output_dir, **kw).run()
    test_model(output_dir)

def test_model(ckpt_path=FOLDER):
    print(benchmark(attach(SFTModel(), ckpt_path), Dataset("valid"), 100))

if __name__ == "__main__":
    {"train": train_model, "test": test_model, "load": load}[sys.argv[1]]()
