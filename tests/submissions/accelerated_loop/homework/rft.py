import os, sys
from .base_llm import BaseLLM
from .data import Dataset, benchmark
from .loop import Fitter, attach, tokenize

FOLDER = os.path.join(os.path.dirname(__file__), "rft_model")
TEMPLATE = "{} Explain:"

class RFTModel(BaseLLM):
    def format_prompt(self, question):
        return TEMPLATE.format(question.strip())

def load():
    return attach(RFTModel(), FOLDER)

def train_model(output_dir=FOLDER, **kw):
    llm = RFTModel()
    rows = [tokenize(llm.tokenizer, TEMPLATE.format(q.strip()), " " + why, 128) for q, a, why in Dataset("rft")]
    Fitter(llm, rows, output_dir, **{"r": 16, **kw}).run()
    test_model(output_dir)

def test_model(ckpt_path=FOLDER):
    print(benchmark(attach(RFTModel(), ckpt_path), Dataset("valid"), 100))

if __name__ == "__main__":
    {"train": train_model, "test": test_model, "load": load}[sys.argv[1]]()
