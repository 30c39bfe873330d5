import random

from .base_llm import BaseLLM, command_line
from .data import Dataset, benchmark
from .finetune import TokenizedDataset, attach, run, tokenize  # noqa: F401
from .settings import RFT


def prompt_for(question):
    return f"{question.strip()}\nReasoning:"


class RFTModel(BaseLLM):
    max_new_tokens = RFT.max_new_tokens

    def format_prompt(self, question):
        return prompt_for(question)


def load():
    return attach(RFTModel(), RFT.directory)


def format_example(prompt, answer, reasoning):
    return {"question": prompt_for(prompt), "answer": f" {reasoning.strip()}"}


def train_model(output_dir=RFT.directory):
    llm = RFTModel()
    rows = list(Dataset(RFT.split))
    random.Random(7).shuffle(rows)
    held_out = max(1, len(rows) // 12)
    train_set = TokenizedDataset(llm.tokenizer, rows[held_out:], format_example, RFT.max_length)
    eval_set = TokenizedDataset(llm.tokenizer, rows[:held_out], format_example, RFT.max_length)
    run(llm, RFT, train_set, eval_set, output_dir)


def test_model(ckpt_path=RFT.directory):
    result = benchmark(attach(RFTModel(), ckpt_path), Dataset("valid"), 100)
    print("accuracy", result.accuracy, "answer rate", result.answer_rate)


if __name__ == "__main__":
    command_line(train=train_model, test=test_model, load=load)
