from .base_llm import BaseLLM
from .options import GenerationOptions, command_line


class CoTModel(BaseLLM):
    generation = GenerationOptions(max_new_tokens=90)

    def format_prompt(self, question: str) -> str:
        messages = [
            {"role": "system", "content": "Convert units briefly and close with <answer>number</answer>."},
            {"role": "user", "content": "Transfer 3 years into days"},
            {"role": "assistant", "content": "1 year = 365.2422 days. 3 * 365.2422 = <answer>1095.7266</answer>"},
            {"role": "user", "content": question.strip()},
        ]
        return self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)


def load() -> CoTModel:
    return CoTModel()


def test_model():
    from .sft import report

    report(load())


if __name__ == "__main__":
    command_line(test=test_model, load=load)
