from .base_llm import BaseLLM


class CoTModel(BaseLLM):
    new_tokens = 85

    def format_prompt(self, question: str) -> str:
        messages = [
            {"role": "system", "content": "Convert units in one short line. Result in <answer></answer>."},
            {"role": "user", "content": "How many min are 2 hours?"},
            {"role": "assistant", "content": "1 hour = 60 min. 2 * 60 = <answer>120</answer>"},
            {"role": "user", "content": question.strip()},
        ]
        return self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)


def load() -> CoTModel:
    return CoTModel()


def test_model():
    from .sft import report

    report(load())


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model, "load": load})
