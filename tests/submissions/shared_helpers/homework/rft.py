import json

from .base_llm import BaseLLM
from .data import DATA_DIR, Dataset, benchmark
from .sft import TokenizedDataset
from .train_utils import lora_config, package_path, training_arguments


class RFTModel(BaseLLM):
    def format_prompt(self, question: str) -> str:
        return question.strip()


def load() -> BaseLLM:
    from peft import PeftModel

    llm = RFTModel()
    llm.model = PeftModel.from_pretrained(llm.model, package_path("rft_model")).to(llm.device)
    llm.model.eval()
    return llm


def format_reasoning(prompt: str, answer: float, reasoning: str) -> dict[str, str]:
    return {"question": prompt.strip(), "answer": f" {reasoning.strip()}"}


def train_model(output_dir: str = "rft_model", **kwargs):
    from peft import get_peft_model
    from transformers import Trainer

    out = str(package_path(output_dir))
    llm = RFTModel()
    # RFT has more to learn than SFT, so it gets the full rank
    llm.model = get_peft_model(llm.model, lora_config())
    llm.model.enable_input_require_grads()
    with (DATA_DIR / "rft.json").open() as f:
        data = json.load(f)
    trainer = Trainer(
        model=llm.model,
        args=training_arguments(out),
        train_dataset=TokenizedDataset(llm.tokenizer, data, format_reasoning),
    )
    trainer.train()
    trainer.save_model(out)
    test_model(out)


def test_model(ckpt_path: str = "rft_model"):
    from peft import PeftModel

    llm = RFTModel()
    llm.model = PeftModel.from_pretrained(llm.model, package_path(ckpt_path)).to(llm.device)
    benchmark_result = benchmark(llm, Dataset("valid"), 100)
    print(f"{benchmark_result.accuracy=}  {benchmark_result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
