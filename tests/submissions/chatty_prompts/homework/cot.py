from . import prompts
from .llm import BaseLLM, Dataset, benchmark


class CoTModel(BaseLLM):
    def format_prompt(self, question):
        return prompts.chat(self.tokenizer, question, prompts.SHOTS)


def load():
    return CoTModel()


def test_model():
    benchmark(load(), Dataset("valid"), 100)


if __name__ == "__main__":
    test_model()
