import json
import os

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from homework.runtime import runtime

_DATA = os.path.join(os.path.dirname(__file__), "..", "data")


class Dataset:
    def __init__(self, split):
        with open(os.path.join(_DATA, f"{split}.json"), encoding="utf8") as handle:
            self.data = json.load(handle)

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        return self.data[index]


def is_answer_valid(answer, correct_answer, relative_tolerance=0.05):
    return abs(round(answer, 3) - round(correct_answer, 3)) < relative_tolerance * abs(round(correct_answer, 3))


class BenchmarkResult:
    def __init__(self, accuracy, answer_rate, samples):
        self.accuracy = accuracy
        self.answer_rate = answer_rate
        self.samples = samples

    @staticmethod
    def from_answers(answers, dataset, max_question):
        n = min(max_question, len(dataset))
        correct = [is_answer_valid(answers[i], dataset[i][1]) for i in range(n)]
        samples = [dict(question=dataset[i][0], answer=answers[i], correct_answer=dataset[i][1], is_correct=correct[i]) for i in range(n)]
        return BenchmarkResult(sum(correct) / n, sum(a == a for a in answers) / n, samples)


def benchmark(func, dataset, max_question):
    n = min(max_question, len(dataset))
    return BenchmarkResult.from_answers(func.answer(*(dataset[i][0] for i in range(n))), dataset, max_question)


class BaseLLM:
    """Keyword arguments after the checkpoint go to from_pretrained."""

    def __init__(self, checkpoint="HuggingFaceTB/SmolLM2-360M-Instruct", **model_options):
        model_options.setdefault("dtype", runtime.compute_dtype)
        self.device = runtime.device
        self.model = AutoModelForCausalLM.from_pretrained(checkpoint, **model_options).to(self.device)
        self.tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self.tokenizer.padding_side = "left"

    def format_prompt(self, question):
        return question

    def parse_answer(self, text):
        start = text.find("<answer>")
        end = text.find("</answer>")
        if start < 0 or end < start:
            return float("nan")
        try:
            return float(text[start + 8 : end])
        except ValueError:
            return float("nan")

    def generate(self, prompt):
        return self.batched_generate([prompt])[0]

    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        answers = []
        with torch.inference_mode():
            for at in range(0, len(prompts), 64):
                tokens = self.tokenizer(prompts[at : at + 64], padding=True, return_tensors="pt").to(self.device)
                result = self.model.generate(
                    **tokens,
                    max_new_tokens=50,
                    do_sample=temperature > 0,
                    temperature=temperature or None,
                    num_return_sequences=num_return_sequences or 1,
                )
                answers += self.tokenizer.batch_decode(result[:, tokens.input_ids.shape[1] :], skip_special_tokens=True)
        if num_return_sequences is None:
            return answers
        return [answers[k : k + num_return_sequences] for k in range(0, len(answers), num_return_sequences)]

    def answer(self, *questions):
        texts = self.batched_generate([self.format_prompt(question) for question in questions])
        return [self.parse_answer(text) for text in texts]
