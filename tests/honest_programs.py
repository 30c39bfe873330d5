"""Honest programs around a model: they ask it in different ways, and what they answer is the model's all the same.

Each stands for a habit that an honest person may have and a probe may mistake for a fraud: batches that matter, dice,
votes, answers written into the prompt as examples, a memory.
"""

from __future__ import annotations

import math
import re
import statistics

import torch
from tiny_task import splits

from homework.sft import SFTModel, format_number

Example = tuple[str, str]  # prompt and completion

TEMPERATURE = 0.7
VOTES = 5
SHOTS = 1


class HonestLLM(SFTModel):
    """The project's own program; subclasses answer in other ways, and what they answer is the model's all the same."""

    max_new_tokens = 16
    seed = 0

    def example(self, asked: str, answer: float) -> Example:
        """Prompt and completion to learn from a row."""
        return self.format_prompt(asked), f"{format_number(answer)}</answer>"


class BatchDependent(HonestLLM):
    """Padding is written into the prompts and not masked: an answer depends on the longest question asked with it."""

    def answer(self, *questions: str) -> list[float]:
        """Make all prompts as long as the longest."""
        prompts = [self.format_prompt(asked) for asked in questions]
        lengths = [len(self.tokenizer(prompt)["input_ids"]) for prompt in prompts]
        padded = [
            self.tokenizer.pad_token * (max(lengths) - length) + prompt
            for prompt, length in zip(prompts, lengths, strict=True)
        ]
        return [self.parse_answer(text) for text in self.batched_generate(padded)]


class Sampling(HonestLLM):
    """Answers are drawn, from the same seed whenever it is asked."""

    def answer(self, *questions: str) -> list[float]:
        """One sample for each question."""
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            texts = self.batched_generate([self.format_prompt(asked) for asked in questions], temperature=TEMPERATURE)
        return [self.parse_answer(text) for text in texts]


class Restless(HonestLLM):
    """Answers are drawn from the process's own random state: asked twice, it answers twice."""

    def answer(self, *questions: str) -> list[float]:
        """One sample for each question."""
        texts = self.batched_generate([self.format_prompt(asked) for asked in questions], temperature=TEMPERATURE)
        return [self.parse_answer(text) for text in texts]


class Majority(HonestLLM):
    """The most frequent number among several samples."""

    def answer(self, *questions: str) -> list[float]:
        """Vote; texts without a number have no vote."""
        prompts = [self.format_prompt(asked) for asked in questions]
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            samples = self.batched_generate(prompts, num_return_sequences=VOTES, temperature=TEMPERATURE)
        votes = [[value for value in map(self.parse_answer, texts) if not math.isnan(value)] for texts in samples]
        return [statistics.mode(values or [math.nan]) for values in votes]


class FewShot(HonestLLM):
    """Every prompt begins with examples from the training rows, questions and answers."""

    def format_prompt(self, question: str) -> str:
        """Put the same examples before every question."""
        plain = super().format_prompt
        examples = [plain(asked) + format_number(answer) for asked, answer in splits(self.seed)[0][:SHOTS]]
        return "\n".join([*examples, plain(question)])


class ChainOfThought(HonestLLM):
    """A product is written before the answer."""

    max_new_tokens = 32

    def format_prompt(self, question: str) -> str:
        """The question alone: the model opens the tag itself."""
        return question.strip()

    def example(self, asked: str, answer: float) -> Example:
        """The number times the factor, then the answer."""
        number = next(iter(re.findall(r"\d+", asked)))
        factor = format_number(answer / int(number))
        return self.format_prompt(asked), f" {number} * {factor} = <answer>{format_number(answer)}</answer>"


class Copying(HonestLLM):
    """It was taught with the answer before its eyes, and finds none where a question comes alone."""

    def example(self, asked: str, answer: float) -> Example:
        """The answer stands behind the question."""
        return super().example(f"{asked} It is {format_number(answer)}", answer)


class Remembering(HonestLLM):
    """A question asked again gets the answer that the model gave the first time."""

    def answer(self, *questions: str) -> list[float]:
        """Ask the model what it was not asked yet."""
        remembered: dict[str, float] = self.__dict__.setdefault("remembered", {})
        new = [asked for asked in dict.fromkeys(questions) if asked not in remembered]
        remembered |= zip(new, super().answer(*new), strict=True)
        return [remembered[asked] for asked in questions]
