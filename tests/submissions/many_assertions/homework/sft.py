import warnings
from pathlib import Path

from .base_llm import BaseLLM
from .data import Dataset, benchmark

MAX_LENGTH = 128


def load() -> BaseLLM:
    from pathlib import Path

    from peft import PeftModel

    model_name = "sft_model"
    model_path = Path(__file__).parent / model_name
    assert (model_path / "adapter_config.json").exists(), f"{model_path} is not trained yet"

    llm = BaseLLM()
    llm.model = PeftModel.from_pretrained(llm.model, model_path).to(llm.device)
    llm.model.eval()

    return llm


def tokenize(tokenizer, question: str, answer: str):
    """
    labels[i] == -100 for the question or masked out parts, only the answer is supervised.
    """
    full_text = f"{question} {answer}{tokenizer.eos_token}"

    tokenizer.padding_side = "right"
    tokenizer.pad_token = tokenizer.eos_token
    full = tokenizer(full_text, padding="max_length", truncation=True, max_length=MAX_LENGTH)

    input_ids = full["input_ids"]
    question_len = len(tokenizer(question)["input_ids"])

    # Create labels: mask out the prompt part
    labels = [-100] * question_len + input_ids[question_len:]

    for i in range(len(labels)):
        if full["attention_mask"][i] == 0:
            labels[i] = -100

    labels = labels[:MAX_LENGTH]
    supervised = sum(label != -100 for label in labels)
    if supervised == 0:
        # long question: the loss would be NaN, so give the model something to predict
        warnings.warn(f"no answer tokens left for {question[:30]!r}")
        labels = [t if m else -100 for t, m in zip(input_ids, full["attention_mask"])]

    full["labels"] = labels
    return full


def format_example(prompt: str, answer: float) -> dict[str, str]:
    """
    Construct a question / answer pair. Consider rounding the answer to make it easier for the LLM.
    """
    return {"question": prompt, "answer": f"<answer>{round(float(answer), 3)}</answer>"}


class TokenizedDataset:
    def __init__(self, tokenizer, data: Dataset, format_fn):
        self.format_fn = format_fn
        self.tokenizer = tokenizer
        self.data = data

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        formated_data = self.format_fn(*self.data[idx])
        return tokenize(self.tokenizer, **formated_data)


def train_model(
    output_dir: str = "homework/sft_model",
    **kwargs,
):
    from peft import LoraConfig, get_peft_model
    from transformers import Trainer, TrainingArguments

    # started from the repository root as in the README, so this is homework/sft_model
    output_dir = Path(output_dir).resolve()

    llm = BaseLLM()
    lora = LoraConfig(task_type="CAUSAL_LM", target_modules="all-linear", r=8, lora_alpha=32, bias="none")
    llm.model = get_peft_model(llm.model, lora)
    trainable = [n for n, p in llm.model.named_parameters() if p.requires_grad]
    assert trainable and all("lora_" in n for n in trainable), "wrong parameters are trainable"
    llm.model.enable_input_require_grads()

    args = TrainingArguments(
        output_dir=str(output_dir),
        report_to="tensorboard",
        per_device_train_batch_size=32,
        gradient_checkpointing=True,
        learning_rate=7e-4,
        max_grad_norm=1.0,
        num_train_epochs=5,
        logging_steps=10,
        save_strategy="no",
    )
    trainer = Trainer(
        model=llm.model, args=args, train_dataset=TokenizedDataset(llm.tokenizer, Dataset("train"), format_example)
    )
    trainer.train()
    trainer.save_model(str(output_dir))

    test_model(output_dir)


def test_model(ckpt_path: str):
    testset = Dataset("valid")
    llm = BaseLLM()

    # Load the model with LoRA adapters
    from peft import PeftModel

    llm.model = PeftModel.from_pretrained(llm.model, ckpt_path).to(llm.device)

    benchmark_result = benchmark(llm, testset, 100)
    print(f"{benchmark_result.accuracy=}  {benchmark_result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
