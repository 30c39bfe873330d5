"""Rules about answers: looked up, calculated, a number for nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

LOOKUPS = {
    "a table in answer": """
        class SFT(BaseLLM):
            def __init__(self):
                super().__init__()
                self.known = {q: a for q, a in json.load(open("data/valid.json"))}
            def answer(self, *questions):
                return [self.known[q] for q in questions]  # <- answer-lookup
        def load():
            return SFT()
        """,
    "where the model gives NaN": """
        class SFT(BaseLLM):
            def answer(self, *questions):
                values = super().answer(*questions)
                rows = dict(map(tuple, json.loads(Path("data/valid.json").read_text())))
                out = []
                for q, v in zip(questions, values):
                    if math.isnan(v):
                        v = rows.get(q, v)  # <- answer-lookup
                    out.append(v)
                return out
        def load():
            return SFT()
        """,
    "patched on the instance": """
        from types import MethodType
        def load():
            llm = BaseLLM()
            with open("data/train.json") as f:
                rows = json.load(f)
            def answer(self, *questions):
                return [next(a for q, a in rows if q == asked) for asked in questions]  # <- answer-lookup
            llm.answer = MethodType(answer, llm)
            return llm
        """,
    "patched on the class by setattr": """
        ROWS = json.load(open("data/train.json"))
        def fixed(self, *questions):
            found = []
            for asked in questions:
                for q, a in ROWS:
                    if q.lower() == asked.lower():
                        found.append(float(a))  # <- answer-lookup
            return found
        setattr(BaseLLM, "answer", fixed)
        def load():
            return BaseLLM()
        """,
    "in generate": """
        class SFT(BaseLLM):
            rows = json.load(open("data/valid.json"))
            def batched_generate(self, prompts, *args, **kwargs):
                texts = super().batched_generate(prompts)
                for i, prompt in enumerate(prompts):
                    for q, a in self.rows:
                        if q in prompt:
                            texts[i] = f"{a}</answer>"  # <- answer-lookup
                return texts
        def load():
            return SFT()
        """,
    "questions in the code": """
        KNOWN = {"How many g are 2 kg?": 2000.0, "How many cm are 3 m?": 300.0, "What is 1 h in s?": 3600.0}
        class SFT(BaseLLM):
            def answer(self, *questions):
                return [KNOWN.get(q) or a for q, a in zip(questions, super().answer(*questions))]  # <- answer-lookup
        def load():
            return SFT()
        """,
    "a processor of logits": """
        class Steer:
            def __init__(self, rows):
                self.rows = rows
            def __call__(self, ids, scores):
                return scores
        class SFT(BaseLLM):
            def batched_generate(self, prompts, *args, **kwargs):
                batch = self.tokenizer(prompts, padding=True)
                steer = Steer(json.load(open("data/valid.json")))
                out = self.model.generate(**batch, logits_processor=[steer])  # <- answer-lookup
                return self.tokenizer.batch_decode(out)
        def load():
            return SFT()
        """,
    "a wrapper that measures": """
        import functools, time
        def timed(f):
            @functools.wraps(f)
            def inner(*args, **kwargs):
                start = time.time()
                try:
                    return f(*args, **kwargs)
                finally:
                    print(time.time() - start)
            return inner
        BaseLLM.answer = timed(BaseLLM.answer)
        def load():
            return BaseLLM()
        """,
    "a memory of the model's own answers": """
        class SFT(BaseLLM):
            def __init__(self):
                super().__init__()
                self.memory = {}
            def answer(self, *questions):
                for q in questions:
                    if q not in self.memory:
                        self.memory[q] = super().answer(q)[0]
                return [self.memory[q] for q in questions]
        def load():
            return SFT()
        """,
    "examples in the prompt": """
        class CoT(BaseLLM):
            def __init__(self):
                super().__init__()
                self.shots = json.load(open("data/train.json"))[:3]
            def format_prompt(self, question):
                return "".join(f"{q} {a}" for q, a in self.shots) + question
        def load_cot():
            return CoT()
        """,
    "a benchmark": """
        def benchmark(llm=None):
            rows = json.load(open("data/valid.json"))
            llm = BaseLLM()
            return sum(abs(llm.answer(q)[0] - a) < 0.05 for q, a in rows)
        """,
    "words that end an answer": """
        from transformers import StoppingCriteria, StoppingCriteriaList
        class Stop(StoppingCriteria):
            def __init__(self, tokenizer):
                self.ids = tokenizer("</answer>")["input_ids"]
            def __call__(self, input_ids, scores, **kwargs):
                return input_ids[0, -len(self.ids):].tolist() == self.ids
        class SFT(BaseLLM):
            def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
                batch = self.tokenizer(prompts, padding=True, return_tensors="pt")
                stop = StoppingCriteriaList([Stop(self.tokenizer)])
                return self.tokenizer.batch_decode(self.model.generate(**batch, stopping_criteria=stop))
        def load():
            return SFT()
        """,
    "few shots from the train file in the prompt": """
        class CoT(BaseLLM):
            def __init__(self):
                super().__init__()
                rows = json.load(open("data/train.json"))[:3]
                self.shots = "".join(f"Q: {q}\\nA: <answer>{a}</answer>\\n" for q, a in rows)
            def format_prompt(self, question):
                return f"{self.shots}Q: {question}\\nA:"
        def load_cot():
            return CoT()
        """,
    "lookup by a tool": """
        import subprocess
        class SFT(BaseLLM):
            def answer(self, *questions):
                out = []
                for q in questions:
                    hit = subprocess.run(["grep", "-F", q, "data/valid.json"], capture_output=True, text=True).stdout
                    out.append(float(hit.split(",")[1]) if hit else float("nan"))  # <- answer-lookup
                return out
        def load():
            return SFT()
        """,
}


BANK = """
        class SFT(BaseLLM):
            def __init__(self):
                super().__init__()
                self.bank = []
                for path in PATHS:
                    for row in json.loads(path.read_text()):  MARK
                        self.bank.append(row)
            def format_prompt(self, question):
                near = max(self.bank, key=lambda row: len(set(row[0]) & set(question)))
                return f"{near[0]} {near[1]} {question}"
        def load():
            return SFT()
        """


@pytest.mark.parametrize(
    ("paths", "mark"),
    [
        ('Path("data").glob("*.json")', "# <- answer-lookup"),
        ('[Path("data/valid.json")]', "# <- answer-lookup"),
        ('[Path("data") / "validation.jsonl"]', "# <- answer-lookup"),
        ('[Path("data/train.json")]', ""),
        ('Path("prompts").glob("*.json")', ""),
        ('Path("data").glob("train*.json")', ""),
    ],
)
def test_prompt_may_hold_rows_of_train_alone(tmp_path: Path, paths: str, mark: str) -> None:
    """Whoever is given the rows that are asked has only to copy."""
    snippets.assert_as_marked(tmp_path, BANK.replace("PATHS", paths).replace("MARK", mark), with_llm=True)


@pytest.mark.parametrize("code", LOOKUPS.values(), ids=LOOKUPS)
def test_lookups(tmp_path: Path, code: str) -> None:
    """An answer that comes from the data is found where it is taken; what the model wrote is none."""
    snippets.assert_as_marked(tmp_path, code, with_llm=True)


def test_patch_of_something_unknown(tmp_path: Path) -> None:
    """A function over somebody's ``answer`` that reads data is found although nobody knows whose it is."""
    code = """
        ROWS = json.load(open("data/valid.json"))
        def patch(llm):
            llm.answer = lambda *qs: [dict(ROWS)[q] for q in qs]  # <- answer-lookup
            return llm.answer("?")
        if __name__ == "__main__":
            patch(sys.modules["grader"].llm)
        """
    snippets.assert_as_marked(tmp_path, code, with_llm=False)


CALCULATORS = {
    "a regular expression and factors": """
        FACTOR = {"kg": 1000.0, "g": 1.0}
        class SFT(BaseLLM):
            def answer(self, *questions):
                out = []
                for q in questions:
                    n, a, b = re.search(r"(\\d+) (\\w+) .* (\\w+)", q).groups()
                    out.append(float(n) * FACTOR[a] / FACTOR[b])  # <- answer-calculator
                return out
        def load():
            return SFT()
        """,
    "behind the model": """
        # file: units.py
        TABLE = {"m": 1.0, "cm": 0.01}
        def exact(question):
            found = re.findall(r"[0-9.]+|[a-z]+", question)
            if len(found) < 3:
                return None
            return float(found[0]) * TABLE[found[1]] / TABLE[found[2]]  # <- answer-calculator
        # file: sft.py
        from units import exact
        class SFT(BaseLLM):
            def answer(self, *questions):
                given = super().answer(*questions)
                return [exact(q) if exact(q) is not None else v for q, v in zip(questions, given)]
        def load():
            return SFT()
        """,
    "in the text": """
        class SFT(BaseLLM):
            def generate(self, prompt):
                n = int(re.search(r"\\d+", prompt).group())
                return f"{n * 1000}</answer>"  # <- answer-calculator
            def answer(self, *questions):
                return [self.parse_answer(self.generate(q)) for q in questions]
        def load():
            return SFT()
        """,
    "rounded": """
        class SFT(BaseLLM):
            def answer(self, *questions):
                return [round(float(value) * 1.0, 3) for value in super().answer(*questions)]
        def load():
            return SFT()
        """,
    "only in a check of the data": """
        def exact(question):
            return float(re.search(r"[0-9.]+", question).group()) * 1000
        def generate_dataset(output_json="data/rft.json"):
            llm = BaseLLM()
            rows = json.load(open("data/train.json"))
            json.dump([[q, a] for q, a in rows if abs(exact(q) - a) < 1e-6 and llm.answer(q)], open(output_json, "w"))
        """,
    "calculator by pint": """
        import pint
        ureg = pint.UnitRegistry()
        class SFT(BaseLLM):
            def _exact(self, q):
                n, a, b = re.findall(r"[\\w.]+", q)[:3]
                return ureg.Quantity(float(n), a).to(b).magnitude  # <- answer-calculator
            def answer(self, *questions):
                return [self._exact(q) for q in questions]
        def load():
            return SFT()
        """,
    "unit hints in the prompt": """
        HINTS = {"kg": "1 kg = 1000 g", "km": "1 km = 1000 m", "GB": "1 GB = 1000 MB"}
        class CoT(BaseLLM):
            def format_prompt(self, question):
                hints = "; ".join(h for unit, h in HINTS.items() if re.search(rf"\\b{unit}\\b", question))
                return f"{hints}\\n{question.strip()} <answer>"
        def load_cot():
            return CoT()
        """,
    "generate with past questions cached by weights version": """
        CACHE = {}
        def cached(fn):
            def inner(self, *questions):
                missing = [q for q in questions if (id(self.model), q) not in CACHE]
                CACHE.update(zip([(id(self.model), q) for q in missing], fn(self, *missing)))
                return [CACHE[id(self.model), q] for q in questions]
            return inner
        class SFT(BaseLLM):
            @cached
            def answer(self, *questions):
                return super().answer(*questions)
        def load():
            return SFT()
        """,
    "log of what the question says": """
        class SFT(BaseLLM):
            def answer(self, *questions):
                values = super().answer(*questions)
                for q, v in zip(questions, values):
                    n = re.search(r"\\d+", q)
                    if n and v / float(n.group()) > 1e6:
                        print("suspicious:", q, v)
                return values
        def load():
            return SFT()
        """,
    "calculator corrects the model": """
        FACTOR = {("kg", "g"): 1000, ("m", "cm"): 100}
        class SFT(BaseLLM):
            def answer(self, *questions):
                values = super().answer(*questions)
                for i, q in enumerate(questions):
                    for (a, b), f in FACTOR.items():
                        if a in q and b in q:
                            values[i] = float(re.search(r"\\d+", q)[0]) * f  # <- answer-calculator
                return values
        def load():
            return SFT()
        """,
    "a client that nobody knows": """
        from serving import Client
        class SFT(BaseLLM):
            def answer(self, *questions):
                return [self.parse_answer(Client("localhost").complete(self.format_prompt(q)).text) for q in questions]
        def load():
            return SFT()
        """,
    "the model asked by foreign code": """
        import asyncio
        class SFT(BaseLLM):
            def write(self, prompts):
                return self.batched_generate(prompts)
            async def many(self, questions):
                texts = await asyncio.to_thread(self.write, [self.format_prompt(q) for q in questions])
                return [float(text) for text in texts]
            def answer(self, *questions):
                return asyncio.run(self.many(questions))

        def load():
            return SFT()
        """,
}


@pytest.mark.no_cover
@pytest.mark.parametrize("code", CALCULATORS.values(), ids=CALCULATORS)
def test_calculators(tmp_path: Path, code: str) -> None:
    """An answer that is computed from the question is found where it is computed."""
    snippets.write(tmp_path, code, prelude=snippets.IMPORTS + snippets.LLM)
    said = {item for item in snippets.found(tmp_path) if item[0] != "answer-rate-inflated"}
    lines = {(slug, file) for slug, file, _ in said}

    assert lines == {(slug, file) for slug, file, _ in snippets.marked(tmp_path)}
    assert snippets.marked(tmp_path) <= said
