from .base_llm import BaseLLM
from .data import Dataset, benchmark


class CoTModel(BaseLLM):
    def format_prompt(self, question: str) -> str:
        chat = [
            {"role": "system", "content": "You convert units concisely. Put the result in <answer></answer>."},
            {"role": "user", "content": "Convert 3 yd to ft"},
            {"role": "assistant", "content": "1 yd = 3 ft. 3 * 3 = <answer>9</answer>"},
            {"role": "user", "content": question},
        ]
        return self.tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)


def load() -> CoTModel:
    return CoTModel()


def test_model():
    print(benchmark(load(), Dataset("valid"), 100))


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model, "load": load})
