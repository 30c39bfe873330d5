from .base_llm import BaseLLM
from .data import Dataset, benchmark
from .train_utils import lora_config, package_path, training_arguments


def load() -> BaseLLM:
    from peft import PeftModel

    llm = BaseLLM()
    llm.model = PeftModel.from_pretrained(llm.model, package_path("sft_model")).to(llm.device)
    llm.model.eval()
    return llm


def tokenize(tokenizer, question: str, answer: str):
    full_text = f"{question}{answer}{tokenizer.eos_token}"

    tokenizer.padding_side = "right"
    tokenizer.pad_token = tokenizer.eos_token
    full = tokenizer(full_text, padding="max_length", truncation=True, max_length=128)

    input_ids = full["input_ids"]
    question_len = len(tokenizer(question)["input_ids"])
    labels = [-100] * question_len + input_ids[question_len:]
    for i in range(len(labels)):
        if full["attention_mask"][i] == 0:
            labels[i] = -100

    full["labels"] = labels
    return full


def format_example(prompt: str, answer: float) -> dict[str, str]:
    return {"question": f"{prompt.strip()} <answer>", "answer": f"{round(answer, 3)}</answer>"}


class TokenizedDataset:
    def __init__(self, tokenizer, data: Dataset, format_fn):
        self.format_fn = format_fn
        self.tokenizer = tokenizer
        self.data = data

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        return tokenize(self.tokenizer, **self.format_fn(*self.data[idx]))


def train_model(output_dir: str = "sft_model", **kwargs):
    from peft import get_peft_model
    from transformers import Trainer

    out = str(package_path(output_dir))
    llm = BaseLLM()
    llm.model = get_peft_model(llm.model, lora_config(r=8, lora_alpha=32))
    llm.model.enable_input_require_grads()
    llm.model.print_trainable_parameters()
    trainer = Trainer(
        model=llm.model,
        args=training_arguments(out, learning_rate=7e-4),
        train_dataset=TokenizedDataset(llm.tokenizer, Dataset("train"), format_example),
    )
    trainer.train()
    trainer.save_model(out)
    test_model(out)


def test_model(ckpt_path: str = "sft_model"):
    from peft import PeftModel

    testset = Dataset("valid")
    llm = BaseLLM()
    llm.model = PeftModel.from_pretrained(llm.model, package_path(ckpt_path)).to(llm.device)

    benchmark_result = benchmark(llm, testset, 100)
    print(f"{benchmark_result.accuracy=}  {benchmark_result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
