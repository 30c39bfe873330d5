from pathlib import Path

from peft import PeftModel

from . import sft
from .base_llm import BaseLLM
from .data import Dataset, benchmark

MODEL_DIR = Path(__file__).resolve().parent / "rft_model"


class RFTModel(BaseLLM):
    def format_prompt(self, question: str) -> str:
        return f"{question.strip()} "


def load(ckpt_path=MODEL_DIR) -> RFTModel:
    llm = RFTModel(max_new_tokens=80)
    llm.model = PeftModel.from_pretrained(llm.model, ckpt_path).to(llm.device)
    llm.model.eval()
    return llm


def format_example(prompt: str, answer: float, reasoning: str) -> dict[str, str]:
    return {"question": f"{prompt.strip()} ", "answer": reasoning}


def train_model(output_dir: str = str(MODEL_DIR), learning_rate: float = 3e-4, epochs: int = 4):
    llm = RFTModel()
    # carry on from the weights of the first stage
    model = PeftModel.from_pretrained(llm.model, sft.MODEL_DIR).to(llm.device)
    model.enable_input_require_grads()
    model.train()
    dataset = sft.TokenizedDataset(llm.tokenizer, Dataset("rft"), format_example)
    sft.run_trainer(model, dataset, output_dir, learning_rate, epochs)
    test_model(output_dir)


def test_model(ckpt_path: str = str(MODEL_DIR)):
    result = benchmark(load(ckpt_path), Dataset("valid"), 100)
    print(f"{result.accuracy=}  {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
