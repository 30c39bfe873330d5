from pathlib import Path

from .base_llm import BaseLLM
from .data import Dataset, benchmark


def load() -> BaseLLM:
    from peft import PeftModel

    model_path = Path(__file__).parent / "sft_model"

    llm = BaseLLM()
    llm.model = PeftModel.from_pretrained(llm.model, model_path).to(llm.device)
    llm.model.eval()
    return llm


def tokenize(tokenizer, question: str, answer: str):
    """
    question and answer in one text, labels only on the answer (and the eos after it)
    """
    full_text = f"{question} {answer}{tokenizer.eos_token}"

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
    return {"question": prompt.strip(), "answer": f"<answer>{round(answer, 3)}</answer>"}


class TokenizedDataset:
    def __init__(self, tokenizer, data, format_fn):
        self.format_fn = format_fn
        self.tokenizer = tokenizer
        self.data = data

    def __len__(self):
        return len(self.data)

    def __getitem__(self, idx):
        formated_data = self.format_fn(*self.data[idx])
        return tokenize(self.tokenizer, **formated_data)


def train_model(output_dir: str = "homework/sft_model", **kwargs):
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import Trainer, TrainingArguments

    llm = BaseLLM()
    print("model dtype", next(llm.model.parameters()).dtype)

    lora_config = LoraConfig(r=8, lora_alpha=32, lora_dropout=0.05, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(llm.model, lora_config)
    model.enable_input_require_grads()  # for gradient checkpointing
    model.print_trainable_parameters()

    train_dataset = TokenizedDataset(llm.tokenizer, Dataset("train"), format_example)
    # example = train_dataset[0]
    # print("DEBUG", example["input_ids"])
    # print("DEBUG", [x for x in example["labels"] if x != -100])
    # print("DEBUG", llm.tokenizer.decode([x for x in example["labels"] if x != -100]))

    bf16 = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    args = TrainingArguments(
        output_dir=output_dir,
        report_to="none",
        per_device_train_batch_size=32,
        num_train_epochs=5,
        learning_rate=7e-4,
        warmup_ratio=0.05,
        lr_scheduler_type="cosine",
        gradient_checkpointing=True,
        bf16=bf16,
        # fp16=True,   # grad_norm: nan from step 1 !!!
        # fp16=not bf16,
        save_strategy="no",
        logging_steps=5,
    )
    trainer = Trainer(model=model, args=args, train_dataset=train_dataset)
    trainer.train()
    trainer.save_model(output_dir)
    print("saved to", Path(output_dir).resolve())

    test_model(output_dir)


def test_model(ckpt_path: str = "homework/sft_model"):
    testset = Dataset("valid")
    from peft import PeftModel

    llm = BaseLLM()
    llm.model = PeftModel.from_pretrained(llm.model, ckpt_path).to(llm.device)
    llm.model.eval()

    benchmark_result = benchmark(llm, testset, 100)
    print(f"{benchmark_result.accuracy=}  {benchmark_result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
