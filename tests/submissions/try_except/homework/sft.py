from .base_llm import BaseLLM
from .config import BATCH, EPOCHS, RANK, place
from .data import Dataset, benchmark


def load_from(name):
    from peft import PeftModel

    folder = place(name)
    llm = BaseLLM()
    try:
        llm.model = PeftModel.from_pretrained(llm.model, str(folder)).to(llm.device)
    except (OSError, ValueError) as e:
        raise RuntimeError(f"no usable adapter in {folder}") from e
    llm.model.eval()
    return llm


def load():
    return load_from("sft_model")


def tokenize(tokenizer, question, answer):
    tokenizer.padding_side = "right"
    tokenizer.pad_token = tokenizer.eos_token
    try:
        full = tokenizer(f"{question} {answer}{tokenizer.eos_token}", padding="max_length", truncation=True, max_length=144)
    except (TypeError, ValueError) as e:
        raise ValueError(f"row that cannot be tokenized: {question!r}, {answer!r}") from e
    n = len(tokenizer(question)["input_ids"])
    labels = [-100] * n + full["input_ids"][n:]
    full["labels"] = [label if seen else -100 for label, seen in zip(labels, full["attention_mask"])]
    return full


def format_example(prompt, answer):
    try:
        number = round(float(answer), 3)
    except (TypeError, ValueError):
        raise ValueError(f"{answer!r} is no number, question {prompt!r}") from None
    return {"question": prompt.strip(), "answer": f"<answer>{number}</answer>"}


class TokenizedDataset:
    def __init__(self, tokenizer, data, format_fn):
        self.tokenizer = tokenizer
        self.data = data
        self.format_fn = format_fn

    def __len__(self):
        return len(self.data)

    def __getitem__(self, i):
        return tokenize(self.tokenizer, **self.format_fn(*self.data[i]))


def fit(rows, format_fn, output_dir, **kwargs):
    from peft import LoraConfig, get_peft_model
    from transformers import Trainer, TrainingArguments

    llm = BaseLLM()
    llm.model = get_peft_model(
        llm.model,
        LoraConfig(task_type="CAUSAL_LM", target_modules="all-linear", bias="none", r=RANK, lora_alpha=2 * RANK),
    )
    llm.model.print_trainable_parameters()
    options = dict(
        num_train_epochs=EPOCHS,
        per_device_train_batch_size=BATCH,
        learning_rate=4e-4,
        lr_scheduler_type="cosine",
        logging_steps=10,
        save_strategy="no",
        report_to="none",
    )
    options.update(kwargs)
    trainer = Trainer(
        model=llm.model,
        args=TrainingArguments(output_dir=str(place(output_dir)), **options),
        train_dataset=TokenizedDataset(llm.tokenizer, rows, format_fn),
    )
    try:
        trainer.train()
    except KeyboardInterrupt:
        print("stopped by hand, saving what there is")
    trainer.save_model(str(place(output_dir)))


def train_model(output_dir="sft_model", **kwargs):
    fit(Dataset("train"), format_example, output_dir, **kwargs)
    test_model(output_dir)


def test_model(ckpt_path="sft_model"):
    try:
        result = benchmark(load_from(ckpt_path), Dataset("valid"), 100)
    except FileNotFoundError as e:
        print(e)
        return
    print(f"{result.accuracy=}  {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
