"""How a question is put to the model and, for trained styles, how the completion looks.

One object serves training and answering, so the two cannot drift apart.
"""

from __future__ import annotations

from dataclasses import dataclass

from .registry import prompts


@dataclass(frozen=True)
class Prompt:
    tokenizer: object

    def render(self, question: str) -> str:
        raise NotImplementedError

    def completion(self, answer: float, reasoning: str = "") -> str:
        raise NotImplementedError(f"{type(self).__name__} is not for training")


@prompts("direct")
class Direct(Prompt):
    def render(self, question):
        return f"{question.strip()} <answer>"

    def completion(self, answer, reasoning=""):
        return f"{round(float(answer), 3):g}</answer>" if abs(answer) < 1e5 else f"{answer}</answer>"


@prompts("reasoning")
class Reasoning(Prompt):
    def render(self, question):
        return f"{question.strip()}"

    def completion(self, answer, reasoning=""):
        return f" {reasoning.strip()}"


@prompts("few-shot")
class FewShot(Prompt):
    SYSTEM = "You are a unit converter. Reason in one line, then give <answer>value</answer>."
    TURNS = (
        ("Convert 2 gallon to quart.", "1 gallon = 4 quart. 2 * 4 = <answer>8</answer>"),
        ("How many m are 7 yd?", "1 yd = 0.9144 m. 7 * 0.9144 = <answer>6.4008</answer>"),
    )

    def render(self, question):
        talk = [("system", self.SYSTEM)]
        for asked, said in self.TURNS:
            talk += [("user", asked), ("assistant", said)]
        talk.append(("user", question.strip()))
        messages = [{"role": role, "content": content} for role, content in talk]
        return self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)


# Tried and dropped: the accuracy went to zero because only one side used it.
# @prompts("polite")
# class Polite(Direct):
#     def render(self, question):
#         return f"Please answer: {question} <answer> "
