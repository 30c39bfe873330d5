from pathlib import Path

from .base_llm import BaseLLM
from .data import Dataset, benchmark


class SFTModel(BaseLLM):
    def format_prompt(self, question):
        # must be exactly what format_example() trains on, including the opening tag
        return question.strip() + " <answer>"

    def parse_answer(self, answer):
        # the tag is already in the prompt
        return super().parse_answer("<answer>" + answer)


def _adapter_dir(name):
    # NOT Path(__file__).parent / "homework" / name. That gave us homework/homework/sft_model on the server.
    p = Path(name)
    return p if p.is_absolute() or p.exists() else Path(__file__).parent / p.name


def load() -> BaseLLM:
    from peft import PeftModel

    model_path = _adapter_dir("sft_model")
    # We used to do this, DON'T: it silently made a new (untrained!) adapter whenever the path was wrong
    #
    # if not (model_path / "adapter_model.bin").exists():
    #     llm.model = get_peft_model(llm.model, LoraConfig(r=8))
    #     llm.model.save_pretrained(model_path)
    llm = SFTModel()
    llm.model = PeftModel.from_pretrained(llm.model, model_path).to(llm.device)
    llm.model.eval()
    return llm


def tokenize(tokenizer, question: str, answer: str):
    """
    Tokenize a data element: <question><answer><eos>, labels only on the answer.
    """
    full_text = f"{question}{answer}{tokenizer.eos_token}"
    tokenizer.padding_side = "right"  # training only; batched_generate sets it back to left
    tokenizer.pad_token = tokenizer.eos_token
    full = tokenizer(full_text, padding="max_length", truncation=True, max_length=128)
    question_len = len(tokenizer(question)["input_ids"])
    input_ids = full["input_ids"]
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
    """
    Train. Notes:
    - inference_mode=True in LoraConfig freezes the adapter: "element 0 of tensors does not require grad"
    - fp16=True overflows for us, bf16 is OK on the A100s
    """
    from peft import LoraConfig, get_peft_model
    from transformers import Trainer, TrainingArguments

    llm = BaseLLM()
    config = LoraConfig(
        r=8,
        lora_alpha=32,
        target_modules="all-linear",
        bias="none",
        task_type="CAUSAL_LM",
        # inference_mode=True,
    )
    llm.model = get_peft_model(llm.model, config)
    llm.model.enable_input_require_grads()

    args = TrainingArguments(
        output_dir=str(_adapter_dir(output_dir)),
        report_to="tensorboard",
        per_device_train_batch_size=32,
        num_train_epochs=5,
        learning_rate=7e-4,
        gradient_checkpointing=True,
        save_strategy="no",
        # fp16=not torch.cuda.is_bf16_supported(),   <- NaN after 40 steps
        # fp16_full_eval=True,
    )
    trainer = Trainer(model=llm.model, args=args, train_dataset=TokenizedDataset(llm.tokenizer, Dataset("train"), format_example))
    trainer.train()
    trainer.save_model(str(_adapter_dir(output_dir)))
    test_model(output_dir)


def test_model(ckpt_path: str = "sft_model"):
    from peft import PeftModel

    testset = Dataset("valid")
    llm = SFTModel()
    llm.model = PeftModel.from_pretrained(llm.model, _adapter_dir(ckpt_path)).to(llm.device)
    result = benchmark(llm, testset, 100)
    if result.accuracy == 1.0:
        print("accuracy 1.0?! did somebody put `llm.answer = lambda *q: [lookup[x] for x in q]` back in?")
    print(f"{result.accuracy=}  {result.answer_rate=}")


if __name__ == "__main__":
    from fire import Fire

    Fire({"train": train_model, "test": test_model, "load": load})
