from hw3.llm import LLM
from hw3.parts.grade import grade


class CoT(LLM):
    def format_prompt(self, question):
        m = [{"role": "system", "content": "Unit conversions, one line, number between <answer> and </answer>."}]
        m += [{"role": "user", "content": "4 kg in g?"}, {"role": "assistant", "content": "4 * 1000 = <answer>4000</answer>"}]
        m += [{"role": "user", "content": question}]
        return self.tokenizer.apply_chat_template(m, add_generation_prompt=True, tokenize=False)


def load():
    return CoT()


def test_model():
    grade(load())
