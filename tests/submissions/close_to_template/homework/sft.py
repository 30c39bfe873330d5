from pathlib import Path

from .base_llm import BaseLLM
from .data import Dataset, benchmark


def load() -> BaseLLM:
    from peft import PeftModel

    model_name = "sft_model"
    model_path = Path(__file__).parent / model_name

    llm = BaseLLM()
    llm.model = PeftModel.from_pretrained(llm.model, model_path).to(llm.device)
    llm.model.eval()
    return llm


def tokenize(tokenizer, question: str, answer: str):
    full_text = f"{question} {answer}{tokenizer.eos_token}"

    tokenizer.padding_side = "right"  # training only, batched_generate switches to left again
    tokenizer.pad_token = tokenizer.eos_token
    full = tokenizer(full_text, padding="max_length", truncation=True, max_length=128)

    input_ids = full["input_ids"]
    question_len = len(tokenizer(question)["input_ids"])

    # Create labels: mask out the prompt part
    labels = [-100] * question_len + input_ids[question_len:]

    for i in range(len(labels)):
        if full["attention_mask"][i] == 0:
            labels[i] = -100

    if all(label == -100 for label in labels):
        raise ValueError(f"nothing left to learn in {question!r}")

    full["labels"] = labels
    return full


def format_example(prompt: str, answer: float) -> dict[str, str]:
    return {"question": prompt, "answer": f"<answer>{round(float(answer), 3)}</answer>"}


class TokenizedDataset:
    def __init__(self, tokenizer, data: Dataset, format_fn):
        self.format_fn = format_fn
        self.tokenizer = tokenizer
        self.data = data

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        formatted_data = self.format_fn(*self.data[idx])
        return tokenize(self.tokenizer, **formatted_data)


def train_model(output_dir: str = "homework/sft_model", **kwargs):
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import Trainer, TrainingArguments

    # only the last part counts: "homework/sft_model" and "sft_model" are the same folder
    out = Path(__file__).parent / Path(output_dir).name

    llm = BaseLLM()
    config = LoraConfig(
        r=8,
        lora_alpha=32,
        target_modules="all-linear",
        bias="none",
        task_type="CAUSAL_LM",
        # inference_mode=True,   # <- this one cost me an evening
    )
    llm.model = get_peft_model(llm.model, config)
    llm.model.enable_input_require_grads()
    llm.model.print_trainable_parameters()

    use_bf16 = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    args = TrainingArguments(
        output_dir=str(out),
        report_to="tensorboard",
        learning_rate=7e-4,
        num_train_epochs=5,
        per_device_train_batch_size=32,
        gradient_checkpointing=True,
        bf16=use_bf16,
        # fp16=not use_bf16,
        # fp16_full_eval=True,
        save_strategy="no",
        logging_steps=10,
    )
    trainset = TokenizedDataset(llm.tokenizer, Dataset("train"), format_example)
    trainer = Trainer(model=llm.model, args=args, train_dataset=trainset)
    trainer.train()
    trainer.save_model(str(out))
    test_model(str(out))


def test_model(ckpt_path: str):
    from peft import PeftModel

    testset = Dataset("valid")
    llm = BaseLLM()
    llm.model = PeftModel.from_pretrained(llm.model, ckpt_path).to(llm.device)

    benchmark_result = benchmark(llm, testset, 100)
    print(f"{benchmark_result.accuracy=}  {benchmark_result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
