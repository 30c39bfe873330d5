from pathlib import Path

from .base_llm import BaseLLM
from .data import Dataset, benchmark
from .sft import TokenizedDataset, run_training

MODEL_NAME = "rft_model"
LORA_RANK = 8


class RFTModel(BaseLLM):
    max_new_tokens = 96

    def format_prompt(self, question: str) -> str:
        # the model writes its own reasoning and its own opening tag
        return question.strip()


def load() -> RFTModel:
    from peft import PeftModel

    llm = RFTModel()
    llm.model = PeftModel.from_pretrained(llm.model, Path(__file__).parent / MODEL_NAME).to(llm.device)
    llm.model.eval()
    return llm


def format_example(question: str, answer: float, reasoning: str) -> dict[str, str]:
    return {"question": question.strip(), "answer": reasoning.strip()}


def train_model(output_dir: str = str(Path(__file__).parent / MODEL_NAME), **kwargs):
    llm = RFTModel()
    dataset = TokenizedDataset(llm.tokenizer, Dataset("rft"), format_example)
    run_training(llm, dataset, output_dir, LORA_RANK, kwargs.get("learning_rate", 5e-4), kwargs.get("epochs", 5))
    test_model(output_dir)


def test_model(ckpt_path: str = str(Path(__file__).parent / MODEL_NAME)):
    from peft import PeftModel

    llm = RFTModel()
    llm.model = PeftModel.from_pretrained(llm.model, ckpt_path).to(llm.device)
    benchmark_result = benchmark(llm, Dataset("valid"), 100)
    print(f"{benchmark_result.accuracy=}  {benchmark_result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
