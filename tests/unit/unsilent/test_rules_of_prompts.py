"""Rules about prompts: the one of training and the one that asks, formatted once."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

from unsilent.submission_code import read_sources

TRAIN = """
        def load():
            llm = SFT()
            llm.model = PeftModel.from_pretrained(llm.model, "sft_model")
            return llm
        def train_model():
            llm = SFT()
            model = get_peft_model(llm.model, LoraConfig(r=8))
            rows = [tokenize(llm.tokenizer, *format_example(llm, q, a)) for q, a in json.load(open("data/train.json"))]
            Trainer(model, train_dataset=rows).train()
"""
WHOLE = """
        def tokenize(tokenizer, question, answer):
            whole = tokenizer(f"{question} {answer}{tokenizer.eos_token}")
            asked = len(tokenizer(question)["input_ids"])
            whole["labels"] = [-100] * asked + whole["input_ids"][asked:]
            return whole
"""
PIECES = """
        def tokenize(tokenizer, question, answer):
            left = tokenizer.encode(question)
            right = tokenizer.encode(answer + tokenizer.eos_token)
            return {"input_ids": left + right, "labels": [-100] * len(left) + right}
"""
TAIL = """
        def tokenize(tokenizer, question, answer):
            whole = tokenizer(f"{question}{answer}{tokenizer.eos_token}")
            learnt = len(tokenizer(f"{answer}{tokenizer.eos_token}")["input_ids"])
            whole["labels"] = [-100] * (len(whole["input_ids"]) - learnt) + whole["input_ids"][-learnt:]
            return whole
"""
PROMPTS = {
    "the whole, and the answer to count": """
        class SFT(BaseLLM):
            pass
        def format_example(llm, q, a):
            return f"{q.strip()} <answer>", f"{round(a, 3)}</answer>"
        """
    + TAIL,
    "the whole without the tag that is asked with, and the answer to count": """
        class SFT(BaseLLM):
            def format_prompt(self, question):
                return f"{question} Answer: <answer>"  # <- prompt-mismatch
        def format_example(llm, q, a):
            return f"{q.strip()} <answer>", f"{round(a, 3)}</answer>"
        """
    + TAIL,
    "two templates": """
        class SFT(BaseLLM):
            def format_prompt(self, question):
                return "Convert: " + question + " <answer>"  # <- prompt-mismatch
        def format_example(llm, q, a):
            return f"Question: {q} <answer>", f"{a}</answer>"
        """
    + WHOLE,
    "no tag": """
        class SFT(BaseLLM):
            def format_prompt(self, question):
                return question.strip()  # <- no-numeric-answers
        def format_example(llm, q, a):
            return "{} <answer>".format(q), f"{a}</answer>"
        """
    + PIECES,
    "chat against plain": """
        class SFT(BaseLLM):
            def format_prompt(self, question):
                chat = [{"role": "user", "content": question}]
                return self.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)  # <- prompt-mismatch
        def format_example(llm, q, a):
            return "%s <answer>" % q, f"{a}</answer>"
        """
    + WHOLE,
    "a chat in a chat": """
        class SFT(BaseLLM):
            def format_prompt(self, question):
                inner = self.tokenizer.apply_chat_template([{"role": "user", "content": question}], tokenize=False)
                return self.tokenizer.apply_chat_template([{"role": "user", "content": inner}], tokenize=False)  # <- prompt-mismatch
        def format_example(llm, q, a):
            return llm.format_prompt(q), f"{a}</answer>"
        """
    + WHOLE,
    "formatted twice": """
        class SFT(BaseLLM):
            def batched_generate(self, prompts, *args):
                return super().batched_generate([self.format_prompt(p) for p in prompts])  # <- prompt-mismatch
        def format_example(llm, q, a):
            return llm.format_prompt(q), f"{a}</answer>"
        """
    + WHOLE,
    "a chat inside a formatted chat": """
        class SFT(BaseLLM):
            def format_prompt(self, question):
                return self.tokenizer.apply_chat_template([{"role": "user", "content": question}], tokenize=False)
            def batched_generate(self, prompts, *args):
                return super().batched_generate([self.format_prompt(p) for p in prompts])  # <- prompt-mismatch
        def format_example(llm, q, a):
            return llm.format_prompt(q), f"{a}</answer>"
        """
    + WHOLE,
    "changed after it was formatted": """
        class SFT(BaseLLM):
            def batched_generate(self, prompts, *args):
                return super().batched_generate(["Convert. " + p for p in prompts])  # <- prompt-mismatch
        def format_example(llm, q, a):
            return llm.format_prompt(q), f"{a}</answer>"
        """
    + PIECES,
    "one text, shorter than the prompt": """
        class SFT(BaseLLM):
            def format_prompt(self, question):
                return f"{question} is about <answer>"  # <- prompt-mismatch
        def format_example(llm, q, a):
            return f"{q} is", ""
        def tokenize(tokenizer, text, _):
            return tokenizer(text)
        """,
    "trained without a tag": """
        class SFT(BaseLLM):
            def format_prompt(self, question):
                return question.strip() + " <answer>"  # <- prompt-mismatch
        def format_example(llm, q, a):
            return q.strip() + "\\n", str(a)
        """
    + PIECES.replace("answer + tokenizer.eos_token", "answer"),
    "one function": """
        class SFT(BaseLLM):
            pass
        def format_example(llm, q, a):
            return llm.format_prompt(q), f"{a}</answer>"
        """
    + WHOLE,
    "written twice, alike": """
        class SFT(BaseLLM):
            TEMPLATE = "{question} <answer>"
            def format_prompt(self, question):
                return self.TEMPLATE.replace("{question}", question.strip())
        def format_example(llm, q, a):
            return " ".join([q.strip(), "<answer>"]), f"{a}</answer>"
        """
    + PIECES,
    "the tag is learnt": """
        class SFT(BaseLLM):
            def format_prompt(self, question):
                return question
        def format_example(llm, q, a):
            return q, f"<answer>{a}</answer>"
        """
    + WHOLE,
    "one text, all of it learnt": """
        class SFT(BaseLLM):
            def format_prompt(self, question):
                return question + " <answer>"
        def format_example(llm, q, a):
            return f"{q} <answer>{a}</answer>", ""
        def tokenize(tokenizer, text, _):
            row = tokenizer(text)
            row["labels"] = list(row["input_ids"])
            return row
        """,
}


@pytest.mark.parametrize("code", PROMPTS.values(), ids=PROMPTS)
def test_prompts(tmp_path: Path, code: str) -> None:
    """A prompt that was not trained is found where it is made; the beginning of what was learnt is none."""
    snippets.write(tmp_path, code + TRAIN, prelude=snippets.IMPORTS + snippets.LLM)
    said, expected = snippets.found(tmp_path), snippets.marked(tmp_path)

    assert expected <= said
    assert {slug for slug, _, _ in said} == {slug for slug, _, _ in expected}


TEXTS = """
        def load_sft():
            llm = SFT()
            llm.model = PeftModel.from_pretrained(llm.model, "sft_model")
            return llm
        def encode(tokenizer, q, a):
            row, start = tokenizer(f"{q} <answer>{a}</answer>"), len(tokenizer(f"{q} <answer>")["input_ids"])
            return {"input_ids": row["input_ids"], "labels": [-100] * start + row["input_ids"][start:]}
        def train_sft():
            llm = SFT()
            rows = [encode(llm.tokenizer, q, a) for q, a in json.load(open("data/train.json"))]
            Trainer(get_peft_model(llm.model, LoraConfig(r=8)), train_dataset=rows).train()
        class SFT(BaseLLM):
            def format_prompt(self, question):
"""
UNKNOWN = {
    "one of several": """
                if os.environ.get("STAGE") == "rft":
                    return question
                return f"{question} <answer>\"""",
    "a text that nobody knows": """
                import prompting
                return prompting.wrapped(question)""",
}


@pytest.mark.parametrize("body", UNKNOWN.values(), ids=UNKNOWN)
def test_prompt_that_nobody_knows_is_a_note(tmp_path: Path, body: str) -> None:
    """What may be the prompt of training, under a condition or behind foreign code, is told and condemns nobody."""
    snippets.write(tmp_path, TEXTS + body[1:], prelude=snippets.IMPORTS + snippets.LLM)
    outcomes = [one for one in read_sources(tmp_path) if one.slug == "no-numeric-answers"]

    assert [(one.status, "possible only" in one.message) for one in outcomes] == [("passed", True)]


PROMPT_TEXTS = {
    "the question": 'return f"{question}"  # <- no-numeric-answers',
    "the question in lower case": "return question.lower()  # <- no-numeric-answers",
}


@pytest.mark.parametrize("body", PROMPT_TEXTS.values(), ids=PROMPT_TEXTS)
def test_bare_question(tmp_path: Path, body: str) -> None:
    """The question alone is certainly without the opening tag."""
    snippets.assert_as_marked(tmp_path, TEXTS + " " * 16 + body, with_llm=True)


def test_entrance_of_another_part(tmp_path: Path) -> None:
    """``load_cot`` in the module ``sft`` is asked as no part that is trained."""
    code = TEXTS + " " * 16 + 'return f"{question} <answer>"'
    code += """
        class CoT(BaseLLM):
            def format_prompt(self, question):
                return f"Think. {question}"
        def load_cot():
            return CoT()
        """
    snippets.assert_as_marked(tmp_path, code, with_llm=True)


REASONED = """
        class RFT(BaseLLM):
            def format_prompt(self, question):
                return f"{question}PROMPT"MARK
        def load_rft():
            llm = RFT()
            llm.model = PeftModel.from_pretrained(llm.model, "rft_model")
            return llm
        def train_rft():
            llm = RFT()
            rows = [encode(llm.tokenizer, q, text) for q, _, text in json.load(open("data/rft.json"))]
            Trainer(get_peft_model(llm.model, LoraConfig(r=8)), train_dataset=rows).train()
        def encode(tokenizer, q, text):
            row, start = tokenizer(f"{q} {text}"), len(tokenizer(f"{q} ")["input_ids"])
            return {"input_ids": row["input_ids"], "labels": [-100] * start + row["input_ids"][start:]}
"""


@pytest.mark.parametrize(("prompt", "mark"), [(" ", ""), (" <answer>", "  # <- prompt-mismatch")], ids=["plain", "tag"])
def test_reasoning_begins_with_no_tag(tmp_path: Path, prompt: str, mark: str) -> None:
    """Rows of which nothing is known are reasoning first: a prompt that ends with the tag cuts it off."""
    snippets.assert_as_marked(tmp_path, REASONED.replace("PROMPT", prompt).replace("MARK", mark), with_llm=True)


ROWS = """
        class SFT(BaseLLM):
            def format_prompt(self, question):
                ASKED
        def load_sft():
            llm = SFT()
            llm.model = PeftModel.from_pretrained(llm.model, "sft_model")
            return llm
        def say(role, text):
            return {"role": role, "content": text}
        def train_sft():
            data = json.load(open("data/train.json"))
            rows = ROWS
            trainer = SFTTrainer("base", train_dataset=datasets.Dataset.KIND(rows), peft_config=LoraConfig(r=8))
            trainer.train()
"""
CHAT = 'self.tokenizer.apply_chat_template([say("user", question)], tokenize=False, add_generation_prompt=True)'
PAIRS = '{"prompt": [f"{q} <answer>" for q, _ in data], "completion": [f"{a}</answer>" for _, a in data]}'
TALKS = '[{"prompt": [say("user", q)], "completion": [say("assistant", f"<answer>{a}</answer>")]} for q, a in data]'
MESSAGES = '[{"messages": [say("user", q), say("assistant", f"<answer>{a}</answer>")]} for q, a in data]'
MISMATCH = "  # <- prompt-mismatch"


@pytest.mark.parametrize(
    ("rows", "kind", "asked", "mark"),
    [
        (PAIRS, "from_dict", 'f"{question} <answer>"', ""),
        (PAIRS, "from_dict", 'f"{question}: <answer>"', MISMATCH),
        (TALKS, "from_list", CHAT, ""),
        (TALKS, "from_list", "question.strip()", MISMATCH),
        (TALKS, "from_list", "self.tokenizer.apply_chat_template(foreign.talk(question), tokenize=False)", ""),
        (MESSAGES, "from_list", CHAT, ""),
        (MESSAGES, "from_list", 'f"{question} <answer>"', MISMATCH),
        ('[{"prompt": q, "completion": f" <answer>{a}</answer>"} for q, a in data]', "from_list", "question", ""),
    ],
    ids=[
        "pairs",
        "other pairs",
        "talks",
        "talks asked plainly",
        "foreign talks",
        "messages",
        "messages asked plainly",
        "unknown prompts",
    ],
)
def test_rows_that_trl_tokenizes(tmp_path: Path, rows: str, kind: str, asked: str, mark: str) -> None:
    """Its trainer writes conversations with the chat template, and puts completions behind prompts."""
    code = ROWS.replace("ASKED", f"return {asked}{mark}").replace("rows = ROWS", f"rows = {rows}").replace("KIND", kind)
    code = "        import datasets, foreign\n        from trl import SFTTrainer\n" + code[1:]
    snippets.assert_as_marked(tmp_path, code, with_llm=True)
