from pathlib import Path

import torch

from .base_llm import BaseLLM
from .data import Dataset, benchmark

MODEL_NAME = "sft_model"


def load() -> BaseLLM:
    from peft import PeftConfig, PeftModel

    model_path = Path(__file__).parent / MODEL_NAME
    if not (model_path / "adapter_config.json").exists():
        raise FileNotFoundError(f"no adapter in {model_path}, run: python -m homework.sft train")

    llm = BaseLLM()
    # here the adapter is for inference only
    config = PeftConfig.from_pretrained(model_path)
    config.inference_mode = True
    llm.model = PeftModel.from_pretrained(llm.model, model_path, config=config).to(llm.device)
    llm.model.eval()
    return llm


def tokenize(tokenizer, question: str, answer: str):
    """
    input_ids are question + answer, labels are the same but -100 for the question and the padding.
    """
    full_text = f"{question} {answer}{tokenizer.eos_token}"

    # While training the padding goes to the right, all rows have the same length.
    tokenizer.padding_side = "right"
    tokenizer.pad_token = tokenizer.eos_token
    full = tokenizer(full_text, padding="max_length", truncation=True, max_length=128)

    input_ids = full["input_ids"]
    question_len = len(tokenizer(question)["input_ids"])

    # labels = [-100] * len(input_ids)   <- do not do this: then there is nothing to learn and the loss is 0
    labels = [-100] * question_len + input_ids[question_len:]

    # The padding is the same token as eos; the attention mask tells them apart.
    for i in range(len(labels)):
        if full["attention_mask"][i] == 0:
            labels[i] = -100

    full["labels"] = labels
    return full


def format_example(prompt: str, answer: float) -> dict[str, str]:
    return {"question": prompt, "answer": f"<answer>{round(float(answer), 3)}</answer>"}


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


def resolve_output(output_dir: str) -> Path:
    # "sft_model" means the folder next to this file, anything with a slash is taken as it is
    path = Path(output_dir)
    return path if path.is_absolute() or len(path.parts) > 1 else Path(__file__).parent / path


def train_model(output_dir: str = MODEL_NAME, **kwargs):
    from peft import LoraConfig, get_peft_model
    from transformers import Trainer, TrainingArguments

    llm = BaseLLM()

    # Step 1: add LoRA to all linear layers
    lora_config = LoraConfig(
        task_type="CAUSAL_LM",
        target_modules="all-linear",
        bias="none",
        r=8,
        lora_alpha=32,
        lora_dropout=0.05,
        # inference_mode=True,   # copied from the docs, but the docs meant loading
    )
    llm.model = get_peft_model(llm.model, lora_config)
    llm.model.print_trainable_parameters()

    # Step 2: gradient checkpointing needs gradients at the input
    if torch.cuda.is_available():
        llm.model.enable_input_require_grads()

    # Step 3: the arguments
    out = resolve_output(output_dir)
    training_args = TrainingArguments(
        output_dir=str(out / "trainer"),
        per_device_train_batch_size=32,
        num_train_epochs=kwargs.get("epochs", 5),
        learning_rate=kwargs.get("learning_rate", 7e-4),
        lr_scheduler_type="cosine",
        warmup_steps=10,
        gradient_checkpointing=torch.cuda.is_available(),
        max_grad_norm=1.0,
        logging_steps=10,
        save_strategy="no",
        report_to="none",
        # fp16=True,             # old GPU in the lab, do not use
        # fp16_full_eval=True,
        bf16=torch.cuda.is_available() and torch.cuda.is_bf16_supported(),
    )

    # Step 4: train
    trainset = TokenizedDataset(llm.tokenizer, Dataset("train"), format_example)
    trainer = Trainer(model=llm.model, args=training_args, train_dataset=trainset)
    trainer.train()

    # Step 5: save and test
    trainer.save_model(str(out))
    test_model(str(out))


def test_model(ckpt_path: str = MODEL_NAME):
    from peft import PeftModel

    testset = Dataset("valid")
    llm = BaseLLM()
    llm.model = PeftModel.from_pretrained(llm.model, str(resolve_output(ckpt_path))).to(llm.device)
    benchmark_result = benchmark(llm, testset, 100)
    print(f"{benchmark_result.accuracy=}  {benchmark_result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
