import sys
from pathlib import Path

from .base_llm import CONFIG, PACKAGE, BaseLLM
from .data import Dataset, TokenizedDataset, UnitDataModule, benchmark

OPTIONS = CONFIG["sft"]
FOLDER = PACKAGE / OPTIONS["folder"]


def attach(llm, folder):
    from peft import PeftModel

    if not (Path(folder) / "adapter_config.json").exists():
        raise FileNotFoundError(f"no trained adapter in {folder}")
    llm.model = PeftModel.from_pretrained(llm.model, str(folder)).to(llm.device)
    llm.model.eval()
    return llm


def load() -> BaseLLM:
    return attach(BaseLLM(), FOLDER)


def tokenize(tokenizer, question: str, answer: str, max_length: int = OPTIONS["max_length"]):
    prompt = tokenizer(question)["input_ids"]
    target = tokenizer(answer)["input_ids"] + [tokenizer.eos_token_id]
    return {
        "input_ids": (prompt + target)[:max_length],
        "labels": ([-100] * len(prompt) + target)[:max_length],
    }


def format_example(prompt: str, answer: float):
    return {"question": f"{prompt.strip()} <answer>", "answer": f"{round(answer, 3)}</answer>"}


def run(llm, dataset, options, output_dir):
    from .engine import Runner
    from .modules import AdapterModule, SaveAtEnd

    runner = Runner(**CONFIG["runner"], callbacks=[SaveAtEnd(Path(output_dir))])
    runner.fit(AdapterModule(llm, options["lr"]), UnitDataModule(dataset, options["batch_size"]))


def train_model(output_dir: str = str(FOLDER), **kwargs):
    llm = BaseLLM()
    dataset = TokenizedDataset(llm.tokenizer, Dataset("train"), format_example, tokenize)
    run(llm, dataset, OPTIONS | kwargs, output_dir)
    test_model(output_dir)


def test_model(ckpt_path: str = str(FOLDER)):
    result = benchmark(attach(BaseLLM(), ckpt_path), Dataset("valid"), 100)
    print(f"{result.accuracy=} {result.answer_rate=}")


def main(train, test, load_fn):
    command, *rest = sys.argv[1:]
    path = rest[1:2]  # --output_dir PATH / --ckpt_path PATH
    {"train": train, "test": test, "load": lambda *_: load_fn()}[command](*path)


if __name__ == "__main__":
    main(train_model, test_model, load)
