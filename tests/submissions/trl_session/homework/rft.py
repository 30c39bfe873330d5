import json

from .adapters import RFT_DIR, SFT_DIR, Session, put_on
from .base_llm import BaseLLM
from .data import DATA, Dataset, benchmark
from .trl_run import run


class RFTModel(BaseLLM):
    room = 90

    def format_prompt(self, question):
        return question.strip()


def load():
    llm = RFTModel()
    llm.model = put_on(llm.model, RFT_DIR).to(llm.device).eval()
    return llm


def train_model(output_dir=RFT_DIR, start=SFT_DIR, **kwargs):
    llm = RFTModel()
    # go on from what SFT has learnt
    llm.model = put_on(llm.model, start)
    llm.model.enable_input_require_grads()
    rows = json.loads((DATA / "rft.json").read_text())
    pairs = [(llm.format_prompt(q), " " + reasoning.strip()) for q, _, reasoning in rows]
    run(llm, pairs, output_dir, num_train_epochs=3, **kwargs)
    test_model(output_dir)


def test_model(ckpt_path=RFT_DIR):
    with Session(RFTModel, ckpt_path) as llm:
        llm.model.eval()
        result = benchmark(llm, Dataset("valid"), 100)
        print(f"rft: accuracy {result.accuracy:.2f} answer rate {result.answer_rate:.2f}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
