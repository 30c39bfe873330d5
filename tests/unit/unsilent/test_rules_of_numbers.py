"""The rule about numbers where the model wrote none."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

NUMBERS = {
    "in a handler": """
        class SFT(BaseLLM):
            def parse_answer(self, text):
                try:
                    return float(text.split("<answer>")[1].split("</answer>")[0])
                except (ValueError, IndexError):
                    return 0.0  # <- answer-rate-inflated
        def load():
            return SFT()
        """,
    "a default": """
        def number(text, default=-1):  # <- answer-rate-inflated
            found = re.findall(r"[0-9.]+", text)
            return float(found[0]) if found else default
        class SFT(BaseLLM):
            def parse_answer(self, text):
                return number(text)
        def load():
            return SFT()
        """,
    "after parsing": """
        class SFT(BaseLLM):
            def answer(self, *questions):
                return [v if v == v else 0.0 for v in super().answer(*questions)]  # <- answer-rate-inflated
        def load():
            return SFT()
        """,
    "an or": """
        class SFT(BaseLLM):
            def parse_answer(self, text):
                found = re.search(r"[0-9.]+", text)
                return float(next(iter(found or []), 0))  # <- answer-rate-inflated
        def load():
            return SFT()
        """,
    "NaN": """
        class SFT(BaseLLM):
            nothing = np.nan
            def parse_answer(self, text):
                return float(text) if text.isdigit() else self.nothing
        def load():
            return SFT()
        """,
    "None": """
        class SFT(BaseLLM):
            def parse_answer(self, text):
                if not text:
                    return None
                return float(text)
        def load():
            return SFT()
        """,
    "NaN by or": """
        class SFT(BaseLLM):
            def parse_answer(self, text):
                found = re.findall(r"[\\d.]+", text)
                return float((found or ["nan"])[-1])
            def answer(self, *questions):
                values = super().answer(*questions)
                return [float(v or "none") for v in values] + [np.nan_to_num(v, nan=math.nan) for v in values]
        def load():
            return SFT()
        """,
    "parse gives zero by or": """
        class SFT(BaseLLM):
            def parse_answer(self, text):
                found = re.findall(r"[\\d.]+", text)
                return float((found or ["0"])[-1])  # <- answer-rate-inflated
        def load():
            return SFT()
        """,
    "nan_to_num in answer": """
        class SFT(BaseLLM):
            def answer(self, *questions):
                return list(np.nan_to_num(super().answer(*questions)))  # <- answer-rate-inflated
        def load():
            return SFT()
        """,
    "parse default by try in loop": """
        class SFT(BaseLLM):
            def parse_answer(self, text):
                value = 0.0  # <- answer-rate-inflated
                for piece in text.split():
                    try:
                        value = float(piece)
                        break
                    except ValueError:
                        continue
                return value
        def load():
            return SFT()
        """,
    "majority vote": """
        from collections import Counter
        class CoT(BaseLLM):
            def answer(self, *questions):
                prompts = [self.format_prompt(q) for q in questions]
                groups = self.batched_generate(prompts, num_return_sequences=5, temperature=0.5)
                out = []
                for g in groups:
                    votes = Counter(round(v, 3) for v in map(self.parse_answer, g) if not math.isnan(v))
                    out.append(votes.most_common(1)[0][0] if votes else float("nan"))
                return out
        def load_cot():
            return CoT()
        """,
    "fillna in answer": """
        import pandas as pd
        class SFT(BaseLLM):
            def answer(self, *questions):
                values = pd.Series(super().answer(*questions))
                return values.fillna(0).tolist()  # <- answer-rate-inflated
        def load():
            return SFT()
        """,
    "where isnan in answer": """
        class SFT(BaseLLM):
            def answer(self, *questions):
                values = np.array(super().answer(*questions))
                return np.where(np.isnan(values), 0.0, values).tolist()  # <- answer-rate-inflated
        def load():
            return SFT()
        """,
    "tensor nan_to_num in answer": """
        class SFT(BaseLLM):
            def answer(self, *questions):
                return torch.tensor(super().answer(*questions)).nan_to_num().tolist()  # <- answer-rate-inflated
        def load():
            return SFT()
        """,
    "max of an empty list": """
        class SFT(BaseLLM):
            def parse_answer(self, text):
                return max((float(x) for x in re.findall(r"[\\d.]+", text)), default=0.0)  # <- answer-rate-inflated
        def load():
            return SFT()
        """,
    "averages without nan": """
        def benchmark(llm, rows):
            answers = llm.answer(*[q for q, _ in rows])
            given = [a for a in answers if not math.isnan(a)]
            rate = len(given) / max(1, len(answers))
            mean = np.nanmean(answers)
            return rate, 0.0 if math.isnan(mean) else mean
        def test_model():
            llm = BaseLLM()
            llm.model = PeftModel.from_pretrained(llm.model, "sft_model")
            print(benchmark(llm, json.load(open("data/valid.json"))))
        def load():
            llm = BaseLLM()
            llm.model = PeftModel.from_pretrained(llm.model, "sft_model")
            return llm
        """,
    "filled beforehand and written over": """
        class SFT(BaseLLM):
            def answer(self, *questions):
                if not questions:
                    return []
                values = [0.0] * len(questions)
                for i, text in enumerate(self.batched_generate([self.format_prompt(q) for q in questions])):
                    values[i] = self.parse_answer(text)
                return values

        def load():
            return SFT()
        """,
    "a dict filled beforehand and written over": """
        class SFT(BaseLLM):
            def answer(self, *questions):
                values = {"a": 0.0, "b": 0.0}
                for name in values:
                    values[name] = self.parse_answer(self.generate(name))
                return [values["a"], values["b"]]

        def load():
            return SFT()
        """,
    "filled beforehand and not always written over": """
        class SFT(BaseLLM):
            def answer(self, *questions):
                values = [0.0] * len(questions)  # <- answer-rate-inflated
                for i, text in enumerate(self.batched_generate([self.format_prompt(q) for q in questions])):
                    try:
                        values[i] = float(text)
                    except ValueError:
                        print("no number in", text)
                return values

        def load():
            return SFT()
        """,
}


@pytest.mark.parametrize("code", NUMBERS.values(), ids=NUMBERS)
def test_numbers_for_nothing(tmp_path: Path, code: str) -> None:
    """A number where the model wrote none is found where the number stands."""
    snippets.assert_as_marked(tmp_path, code, with_llm=True)
