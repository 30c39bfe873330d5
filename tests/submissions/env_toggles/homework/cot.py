from .base_llm import BaseLLM


class CoTModel(BaseLLM):
    max_new_tokens = 85
    shots = (
        ("What is 6 MB in kB?", "1 MB = 1000 kB. 6 * 1000 = <answer>6000</answer>"),
        ("Convert 2 weeks to days.", "1 week = 7 days. 2 * 7 = <answer>14</answer>"),
    )

    def format_prompt(self, question: str) -> str:
        messages = [{"role": "system", "content": "Convert units in one line, result in <answer></answer>."}]
        for user, assistant in self.shots:
            messages.append({"role": "user", "content": user})
            messages.append({"role": "assistant", "content": assistant})
        messages.append({"role": "user", "content": question.strip()})
        return self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)


def load() -> CoTModel:
    return CoTModel()


def test_model():
    from .sft import report

    report(load())


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model, "load": load})
