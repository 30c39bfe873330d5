from .base_llm import BaseLLM
from .data import Dataset, benchmark


class CoTModel(BaseLLM):
    def format_prompt(self, question: str) -> str:
        return self.tokenizer.apply_chat_template(
            [
                {"role": "system", "content": "You are a calculator for units; brief; <answer>number</answer>."},
                {"role": "user", "content": "How many kB are 3 MB?"},
                {"role": "assistant", "content": "1 MB = 1000 kB. 3 * 1000 = <answer>3000</answer>"},
                {"role": "user", "content": question},
            ],
            add_generation_prompt=True,
            tokenize=False,
        )


def load() -> CoTModel:
    return CoTModel()


def test_model():
    print(benchmark(load(), Dataset("valid"), 100))


if __name__ == "__main__":
    test_model()
