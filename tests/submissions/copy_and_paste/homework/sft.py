import os
from pathlib import Path

from .base_llm import BaseLLM
from .data import Dataset, benchmark

SFT_DIR = Path(__file__).parent / "sft_output"


class SFTModel(BaseLLM):
    def format_prompt(self, question):
        return question.strip() + " <answer>"

    def parse_answer(self, text):
        # the opening tag is in the prompt already
        return super().parse_answer("<answer>" + text)


def load() -> BaseLLM:
    from peft import PeftModel

    path = str(SFT_DIR)
    if not os.path.exists(path + "/adapter_model.bin") and not os.path.exists(path + "/adapter_model.safetensors"):
        raise FileNotFoundError("no adapter in " + path + ", run: python -m homework.sft train")

    llm = SFTModel()
    llm.model = PeftModel.from_pretrained(llm.model, path).to(llm.device)
    llm.model.eval()
    return llm


def tokenize(tokenizer, question: str, answer: str):
    full_text = f"{question}{answer}{tokenizer.eos_token}"

    # right is fine for TRAINING (batched_generate puts it back to left)
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


def format_example(prompt: str, answer: float) -> dict:
    return {"question": prompt.strip() + " <answer>", "answer": f"{round(float(answer), 3):g}</answer>"}


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


def train_model_OLD_do_not_use(output_dir, **kwargs):
    # week 1 version. loss was 0.0 and grad_norm nan. I keep it to remember. nobody calls this
    from peft import LoraConfig, get_peft_model
    from transformers import Trainer, TrainingArguments

    llm = BaseLLM()
    llm.model = llm.model.half()
    config = LoraConfig(r=64, task_type="CAUSAL_LM", target_modules="all-linear", inference_mode=True)
    model = get_peft_model(llm.model, config)
    args = TrainingArguments(output_dir=output_dir, fp16=True, fp16_full_eval=True)
    Trainer(model=model, args=args).train()


def train_model(output_dir=None, **kwargs):
    from peft import LoraConfig, get_peft_model
    from transformers import Trainer, TrainingArguments

    if output_dir is None:
        output_dir = str(SFT_DIR)

    llm = SFTModel()
    config = LoraConfig(
        r=8,
        lora_alpha=32,
        lora_dropout=0.0,
        bias="none",
        task_type="CAUSAL_LM",
        target_modules="all-linear",
        inference_mode=False,  # True is only for using, not for training
    )
    model = get_peft_model(llm.model, config)
    model.enable_input_require_grads()
    model.print_trainable_parameters()

    args = TrainingArguments(
        output_dir=output_dir,
        report_to="none",
        num_train_epochs=5,
        per_device_train_batch_size=32,
        learning_rate=7e-4,
        lr_scheduler_type="cosine",
        # fp16=True,
        # fp16_full_eval=True,
        logging_steps=10,
        save_strategy="no",
        seed=1,
    )

    trainset = TokenizedDataset(llm.tokenizer, Dataset("train"), format_example)
    trainer = Trainer(model=model, args=args, train_dataset=trainset)
    trainer.train()
    trainer.save_model(output_dir)
    print("if you see loss 0.0 and grad_norm nan: did you use model.half() or inference_mode=True ???")
    test_model(output_dir)


def test_model(ckpt_path=None):
    from peft import PeftModel

    if ckpt_path is None:
        ckpt_path = str(SFT_DIR)
    testset = Dataset("valid")
    llm = SFTModel()
    llm.model = PeftModel.from_pretrained(llm.model, ckpt_path).to(llm.device)
    llm.model.eval()
    # llm.model.save_pretrained(ckpt_path)   # why would I save in test?? removed

    result = benchmark(llm, testset, 100)
    print(f"{result.accuracy=}  {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
