from pathlib import Path

import typer

from homework.base_llm import BaseLLM
from homework.data import Dataset, benchmark
from homework.settings import SFT, Experiment, Precision


def load() -> BaseLLM:
    return attach(BaseLLM(settings=SFT.model), SFT.folder)


def attach(llm: BaseLLM, folder: Path) -> BaseLLM:
    from peft import PeftModel

    if not Path(folder, "adapter_config.json").is_file():
        raise FileNotFoundError(f"no adapter at {folder}")
    llm.model = PeftModel.from_pretrained(llm.model, str(folder)).to(llm.device)
    llm.model.eval()
    return llm


def tokenize(tokenizer, question: str, answer: str, max_length: int = SFT.max_length) -> dict:
    tokenizer.padding_side = "right"
    full = tokenizer(
        question + answer + tokenizer.eos_token, padding="max_length", truncation=True, max_length=max_length
    )
    prompt_length = len(tokenizer(question)["input_ids"])
    full["labels"] = [
        token if seen and position >= prompt_length else -100
        for position, (token, seen) in enumerate(zip(full["input_ids"], full["attention_mask"]))
    ]
    return full


def format_example(prompt: str, answer: float) -> dict[str, str]:
    return {"question": f"{prompt.strip()} <answer>", "answer": f"{round(answer, 3)}</answer>"}


class TokenizedDataset:
    def __init__(self, tokenizer, data: Dataset, format_fn, max_length: int = SFT.max_length):
        self.tokenizer, self.data, self.format_fn, self.max_length = tokenizer, data, format_fn, max_length

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, idx: int) -> dict:
        return tokenize(self.tokenizer, **self.format_fn(*self.data[idx]), max_length=self.max_length)


def fit(llm: BaseLLM, data: TokenizedDataset, experiment: Experiment, output_dir: Path) -> None:
    from peft import get_peft_model
    from transformers import Trainer, default_data_collator

    model = get_peft_model(llm.model, experiment.lora.build())
    model.print_trainable_parameters()
    args = experiment.train.build(output_dir, Precision.detect())
    trainer = Trainer(model=model, args=args, train_dataset=data, data_collator=default_data_collator)
    trainer.train()
    trainer.save_model(str(output_dir))


def train_model(output_dir: str = str(SFT.folder), **kwargs) -> None:
    experiment = SFT.with_train(**kwargs)
    llm = BaseLLM(settings=experiment.model)
    fit(llm, TokenizedDataset(llm.tokenizer, Dataset("train"), format_example), experiment, Path(output_dir))
    test_model(output_dir)


def test_model(ckpt_path: str = str(SFT.folder)) -> None:
    llm = attach(BaseLLM(settings=SFT.model), Path(ckpt_path))
    typer.echo(str(benchmark(llm, Dataset("valid"), 100)))


app = typer.Typer()


@app.command("train")
def train_command(output_dir: str = str(SFT.folder), learning_rate: float = None, num_train_epochs: int = None):
    train_model(output_dir, learning_rate=learning_rate, num_train_epochs=num_train_epochs)


app.command("test")(test_model)
app.command("load")(lambda: typer.echo(load().model.__class__.__name__))

if __name__ == "__main__":
    app()
