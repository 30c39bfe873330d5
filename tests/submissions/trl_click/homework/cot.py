import click

from .base_llm import BaseLLM
from .data import Dataset, benchmark, error_report

INSTRUCTION = (
    "You are a careful unit converter. First write the factor between the two units, then one "
    "multiplication, and the result as <answer>...</answer>. No other text."
)
EXAMPLES = [
    ("What is 12 lb in grams?", "1 lb = 453.592 grams. 12 * 453.592 = <answer>5443.104</answer>"),
    ("How many weeks are 21 days?", "1 day = 0.142857 weeks. 21 * 0.142857 = <answer>3</answer>"),
]


class CoTModel(BaseLLM):
    max_new_tokens = 80

    def format_prompt(self, question):
        chat = [{"role": "system", "content": INSTRUCTION}]
        for q, a in EXAMPLES:
            chat += [{"role": "user", "content": q}, {"role": "assistant", "content": a}]
        chat.append({"role": "user", "content": question.strip()})
        return self.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)


def load():
    return CoTModel()


@click.group()
def cli():
    pass


@cli.command("test")
@click.option("--rows", default=100)
def test_model(rows):
    result = benchmark(load(), Dataset("valid"), rows)
    click.echo(f"accuracy={result.accuracy} answer_rate={result.answer_rate}; {error_report(result)}")


if __name__ == "__main__":
    cli()
