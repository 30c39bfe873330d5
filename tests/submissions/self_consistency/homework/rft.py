from pathlib import Path

from .data import Dataset, benchmark
from .sft import SFTModel, TokenizedDataset, lora_train


class RFTModel(SFTModel):
    max_new_tokens = 72
    folder = Path(__file__).parent.absolute() / "rft_output"
    votes = 3
    vote_temperature = 0.3
    retry_temperatures = (0.8,)

    def format_prompt(self, question):
        return f"{question.strip()}\n"


def load():
    return RFTModel.from_adapter()


def format_example(prompt, answer, reasoning):
    return {"question": f"{prompt.strip()}\n", "answer": reasoning.strip()}


def train_model(output_dir=RFTModel.folder, lr=5e-4, epochs=5):
    llm = RFTModel()
    lora_train(llm, TokenizedDataset(llm.tokenizer, Dataset("rft"), format_example), output_dir, 16, lr, epochs)
    test_model(output_dir)


def test_model(ckpt_path=RFTModel.folder):
    result = benchmark(RFTModel.from_adapter(ckpt_path), Dataset("valid"), 100)
    print(f"accuracy {result.accuracy:.2f}  answer rate {result.answer_rate:.2f}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
