from .base_llm import BaseLLM, command_line
from .data import Dataset, benchmark
from .finetune import TokenizedDataset, attach, run, tokenize  # noqa: F401
from .settings import SFT


def prompt_for(question):
    return f"{question.strip()} <answer>"


class SFTModel(BaseLLM):
    max_new_tokens = SFT.max_new_tokens

    def format_prompt(self, question):
        return prompt_for(question)


def load():
    return attach(SFTModel(), SFT.directory)


def format_example(prompt, answer):
    return {"question": prompt_for(prompt), "answer": f"{round(answer, 3):.8g}</answer>"}


def train_model(output_dir=SFT.directory):
    llm = SFTModel()
    train_set = TokenizedDataset(llm.tokenizer, Dataset("train"), format_example, SFT.max_length)
    eval_set = TokenizedDataset(llm.tokenizer, Dataset("valid"), format_example, SFT.max_length)
    run(llm, SFT, train_set, eval_set, output_dir)


def test_model(ckpt_path=SFT.directory):
    result = benchmark(attach(SFTModel(), ckpt_path), Dataset("valid"), 100)
    print("accuracy", result.accuracy, "answer rate", result.answer_rate)


if __name__ == "__main__":
    command_line(train=train_model, test=test_model, load=load)
