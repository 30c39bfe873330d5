from .base_llm import BaseLLM
from .data import Dataset
from .sft import report

EXAMPLES = """\
How many seconds are in 3 hours?|1 hour = 3600 s. 3 * 3600 = <answer>10800</answer>
Convert 5 pounds to kg.|1 pound = 0.453592 kg. 5 * 0.453592 = <answer>2.26796</answer>
What is the measurement of 2 quart in pint?|1 quart = 2 pint. 2 * 2 = <answer>4</answer>"""


class CoTModel(BaseLLM):
    max_new_tokens = 90

    def messages(self, question: str):
        yield {"role": "system", "content": "Convert the unit. Be concise. End with <answer>number</answer>."}
        for line in EXAMPLES.splitlines():
            asked, _, said = line.partition("|")
            yield {"role": "user", "content": asked}
            yield {"role": "assistant", "content": said}
        yield {"role": "user", "content": question}

    def format_prompt(self, question: str) -> str:
        return self.tokenizer.apply_chat_template(
            list(self.messages(question)), tokenize=False, add_generation_prompt=True
        )


def load() -> CoTModel:
    return CoTModel()


def test_model():
    report(load())
    print(load().generate(load().format_prompt(Dataset("valid")[0][0])))


if __name__ == "__main__":
    from fire import Fire

    Fire({"test": test_model, "load": load})
