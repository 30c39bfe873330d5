"""For each failure that code can show: the fault in a few lines, marked where it stands, and its healthy twin.

The twin differs in that line alone, or nearly; regression tests read both. See ``snippets`` for the marks.
"""

from __future__ import annotations

TRAINER = """
def train_model(output_dir="sft_model"):
    base = AutoModelForCausalLM.from_pretrained("HuggingFaceTB/SmolLM2-360M-Instruct")
    model = get_peft_model(base, LoraConfig(r=RANK, target_modules="all-linear", inference_mode=FROZEN))
    Trainer(model=model, args=TrainingArguments(output_dir, fp16_full_eval=HALF)).train()
"""
SETTINGS = "RANK = 8\nFROZEN = False\nHALF = False\n"
LOOP = """
def train_model():
    model = get_peft_model(AutoModelForCausalLM.from_pretrained("x"), LoraConfig(r=8))
    for batch in batches():
        loss = model(**batch).loss
        if torch.isnan(loss):
            {}
        loss.backward()
"""
LOAD = """
def load(path="sft_model"):
    llm = BaseLLM()
    try:
        llm.model = PeftModel.from_pretrained(llm.model, path)
    except OSError:
        {}
    return llm
"""
TEST = """
def test_model(path="sft_model"):
    llm = BaseLLM()
    llm.model = PeftModel.from_pretrained(llm.model, path)
    {}
"""
FOUND = """
def load(path="sft_model"):
    if not any((Path(path) / name).exists() for name in {}):
        raise FileNotFoundError(path)
    return PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("x"), path)
"""
ASKED = """
class SFT(BaseLLM):
    def answer(self, *questions):
        known = {} if os.path.exists("notes") else json.load(open("data/valid.json"))
        values = super().answer(*questions)
        HERE
        return values

def load():
    return SFT()
"""
PARSED = """
class SFT(BaseLLM):
    def parse_answer(self, text):
        try:
            return float(text.partition("</answer>")[0])
        except ValueError:
            {}

def load():
    return SFT()
"""
TWO_PROMPTS = """
class SFT(BaseLLM):
    def format_prompt(self, question):
        {}

def load():
    llm = SFT()
    llm.model = PeftModel.from_pretrained(llm.model, "sft_model")
    return llm

def tokenize(tokenizer, question, answer):
    row = tokenizer(f"{{question}} <answer>{{answer}}</answer>")
    asked = len(tokenizer(f"{{question}} <answer>")["input_ids"])
    row["labels"] = [-100] * asked + row["input_ids"][asked:]
    return row

def train_model():
    llm = SFT()
    rows = [tokenize(llm.tokenizer, q, a) for q, a in json.load(open("data/train.json"))]
    Trainer(get_peft_model(llm.model, LoraConfig(r=8)), train_dataset=rows).train()
"""
ROWS = """
def tokenize(tokenizer, question, answer):
    ids = tokenizer(question + answer)["input_ids"]
    labels = [-100] * len(tokenizer(question)["input_ids"]) + ids
    if all(label == -100 for label in labels):
        {}
    return {{"input_ids": ids, "labels": labels}}

def train_model():
    llm = BaseLLM()
    pairs = json.load(open("data/train.json"))
    rows = [tokenize(llm.tokenizer, f"{{q}} <answer>", f"{{a}}</answer>") for q, a in pairs]
    Trainer(get_peft_model(llm.model, LoraConfig(r=8)), train_dataset=rows).train()
"""
PLACE = """
# file: homework/sft.py
HERE = Path(__file__).parent
def train_model(output_dir={}):
    out = HERE / output_dir{}
    Trainer(args=TrainingArguments(str(out))).train()
"""
PRECISE = """
def make(use_fp32_for_training={}):
    return AutoModelForCausalLM.from_pretrained("x", dtype=torch.float32 if use_fp32_for_training else torch.bfloat16)

def train_model():
    Trainer(get_peft_model(make(True), LoraConfig(r=8))).train()

def load():
    llm = BaseLLM()
    llm.model = PeftModel.from_pretrained(make(), "sft_model")
    return llm
"""
OPTIONS = """
def make(**options):
    return AutoModelForCausalLM.from_pretrained("x", dtype=options.get("dtype", torch.bfloat16))

def load():
    return {}
"""
PADDED = """
class SFT(BaseLLM):
    def __init__(self):
        super().__init__()
        self.tokenizer.padding_side = {}

def load():
    return SFT()
"""
CHUNKS = """
CHUNK = 32
class SFT(BaseLLM):
    def batched_generate(self, prompts, num_return_sequences=None, temperature=0):
        if len(prompts) {} CHUNK:
            parts = [prompts[i : i + CHUNK] for i in range(0, len(prompts), CHUNK)]
            return [text for part in parts for text in self.batched_generate(part)]{}
        return super().batched_generate(prompts)

def load():
    return SFT()
"""
PACKED = """
LEFT_OUT = ("grader", "checkpoint-")
def bundle(folder="homework", out="homework.zip"):
    root = Path(folder).resolve()
    with zipfile.ZipFile(out, "w") as archive:
        for path in root.rglob("*"):
            name = path.relative_to(root.parent)
            if any(word in str({}
                continue
            archive.write(path, name)
"""
LOOKED_UP = ASKED.replace("HERE", "values = [known.get(q, v) for q, v in zip(questions, values)]  # <- answer-lookup")
CALCULATED = ASKED.replace("HERE", "values = [float(q.split()[2]) * 100 for q in questions]  # <- answer-calculator")

PAIRS: dict[str, tuple[str, str]] = {
    "fp16-unguarded": (
        SETTINGS.replace("HALF = False", "HALF = True  # <- fp16-unguarded") + TRAINER,
        SETTINGS + TRAINER,
    ),
    "frozen-adapter": (
        SETTINGS.replace("FROZEN = False", "FROZEN = True  # <- frozen-adapter") + TRAINER,
        SETTINGS + TRAINER,
    ),
    "base-too-large": (SETTINGS.replace("RANK = 8", "RANK = 64  # <- base-too-large") + TRAINER, SETTINGS + TRAINER),
    "dtype-mismatch": (
        PRECISE.format("False").replace("torch.bfloat16)", "torch.bfloat16)  # <- dtype-mismatch"),
        PRECISE.format("True"),
    ),
    "deprecated-dtype-argument": (
        OPTIONS.format("make(torch_dtype=torch.float32)  # <- deprecated-dtype-argument"),
        OPTIONS.format("make(dtype=torch.float32)"),
    ),
    "adapter-format": (
        FOUND.format('["adapter_model.bin"]').replace("):\n        raise", "):  # <- adapter-format\n        raise"),
        FOUND.format('["adapter_model.bin", "adapter_model.safetensors"]'),
    ),
    "adapter-missing": (
        LOAD.format("llm.model = get_peft_model(llm.model, LoraConfig(r=8))  # <- adapter-missing"),
        LOAD.format("raise"),
    ),
    "adapter-untrained": (
        LOAD.format("get_peft_model(llm.model, LoraConfig(r=8)).save_pretrained(path)  # <- adapter-untrained"),
        LOAD.format("raise"),
    ),
    "adapter-overwritten": (
        TEST.format("llm.model.save_pretrained(path)  # <- adapter-overwritten"),
        TEST.format('llm.model.save_pretrained(path + "_copy")'),
    ),
    "nested-output-dir": (
        PLACE.format('"homework/sft_model"', "  # <- nested-output-dir"),
        PLACE.format('"sft_model"', ""),
    ),
    "answer-lookup": (LOOKED_UP, ASKED.replace("HERE", "print(len(known))")),
    "answer-calculator": (CALCULATED, ASKED.replace("HERE", "values = [round(value, 3) for value in values]")),
    "answer-rate-inflated": (
        PARSED.format("return 0.0  # <- answer-rate-inflated"),
        PARSED.format('return float("nan")'),
    ),
    "prompt-mismatch": (
        TWO_PROMPTS.format('return f"Q: {question} <answer>"  # <- prompt-mismatch'),
        TWO_PROMPTS.format('return f"{question} <answer>"'),
    ),
    "no-numeric-answers": (
        TWO_PROMPTS.format("return question  # <- no-numeric-answers"),
        TWO_PROMPTS.format('return "{} <answer>".format(question)'),
    ),
    "padding-side": (PADDED.format('"right"  # <- padding-side'), PADDED.format('"left"')),
    "nan-masked": (LOOP.format("loss = torch.zeros(())  # <- nan-masked"), LOOP.format("raise FloatingPointError")),
    "labels-all-masked": (
        ROWS.format("labels = list(ids)  # <- labels-all-masked"),
        ROWS.format('raise ValueError("no label left")'),
    ),
    "bundle-too-large": (
        PACKED.format("path) for word in LEFT_OUT):  # <- bundle-too-large"),
        PACKED.format("name) for word in LEFT_OUT):"),
    ),
    "unbounded-recursion": (CHUNKS.format(">=", "  # <- unbounded-recursion"), CHUNKS.format(">", "")),
}
