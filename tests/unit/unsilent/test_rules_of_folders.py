"""Rules about folders: written over, looked for in one format, saved in the wrong place."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

OVERWRITTEN = {
    "the same path": """
        def test_model(path="sft_model"):
            llm = BaseLLM()
            llm.model = PeftModel.from_pretrained(llm.model, path)
            print(llm.answer("?"))
            llm.model.save_pretrained(path)  # <- adapter-overwritten
        """,
    "the same path, written otherwise": """
        HERE = Path(__file__).parent
        def test_model(name=None):
            folder = HERE / (sys.argv[1] or "sft_model")
            model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("x"), str(folder))
            model.save_pretrained(HERE / "sft_model")  # <- adapter-overwritten
        """,
    "exported elsewhere": """
        def test_model(path="sft_model"):
            model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("x"), path)
            model.merge_and_unload().save_pretrained(path + "_merged")
        """,
    "save of a test elsewhere": """
        def test_model(path="sft_model", out="/tmp/export"):
            llm = BaseLLM()
            llm.model = PeftModel.from_pretrained(llm.model, path)
            print(llm.answer("?"))
            llm.model.save_pretrained(out)
            llm.model.merge_and_unload().save_pretrained(Path(path).parent / "merged")
        """,
}


@pytest.mark.parametrize("code", OVERWRITTEN.values(), ids=OVERWRITTEN)
def test_overwriting(tmp_path: Path, code: str) -> None:
    """A save over the adapter that was loaded is found; an export to another folder is none."""
    snippets.assert_as_marked(tmp_path, code, with_llm=True)


FORMATS = {
    "a file is asked for": """
        WEIGHTS = "adapter_model.bin"  # <- adapter-format
        def load(path="sft_model"):
            if not (Path(path) / WEIGHTS).exists():
                raise FileNotFoundError(path)
            return PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("x"), path)
        """,
    "listed": """
        def trained(path):
            return "adapter_model.safetensors" in os.listdir(path)  # <- adapter-format
        def load(path="sft_model"):
            if not trained(path):
                raise SystemExit("train first")
            return PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("x"), path)
        """,
    "a pattern": """
        def load(path="sft_model"):
            files = list(Path(path).glob("*.bin"))  # <- adapter-format
            if not files:
                raise SystemExit("train first")
            return PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("x"), path)
        """,
    "a set of names": """
        def load(path="sft_model"):
            needed = {"adapter_config.json", "adapter_model.bin"}  # <- adapter-format
            if not needed.issubset(os.listdir(path)):
                raise SystemExit("train first")
            return PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("x"), path)
        """,
    "both": """
        def load(path="sft_model"):
            names = ("adapter_model.safetensors", "adapter_model.bin")
            if not any(os.path.exists(os.path.join(path, name)) for name in names):
                raise FileNotFoundError(path)
            return PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("x"), path)
        """,
    "configuration alone": """
        def load(path="sft_model"):
            if not (Path(path) / "adapter_config.json").is_file():
                raise FileNotFoundError(path)
            return PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("x"), path)
        """,
    "packing": """
        def bundle(out="a.zip"):
            with zipfile.ZipFile(out, "w") as archive:
                for path in Path("homework").rglob("*"):
                    if not path.name.endswith(".bin"):
                        archive.write(path)
        """,
}


@pytest.mark.parametrize("code", FORMATS.values(), ids=FORMATS)
def test_one_format(tmp_path: Path, code: str) -> None:
    """Looking for one format alone is found where it is named."""
    snippets.assert_as_marked(tmp_path, code)


NESTED = {
    "default that names the package": """
        # file: homework/sft.py
        HERE = Path(__file__).resolve().parent
        def train_model(output_dir="homework/sft_model"):
            out = HERE / output_dir  # <- nested-output-dir
            Trainer(args=TrainingArguments(str(out))).train()
        """,
    "os.path": """
        # file: homework/sft.py
        def train_model(output_dir="./homework/sft_model"):
            out = os.path.join(os.path.dirname(os.path.abspath(__file__)), output_dir)  # <- nested-output-dir
            Trainer(args=TrainingArguments(out)).train()
        """,
    "joinpath through a helper": """
        # file: homework/paths.py
        def place(name):
            return Path(__file__).parents[0].joinpath(name)  # <- nested-output-dir
        # file: homework/sft.py
        from .paths import place
        def load(name="homework/" + "sft_model"):
            return PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("x"), place(name))
        """,
    "joined to the folder above": """
        # file: homework/sft.py
        def train_model(output_dir="homework/sft_model"):
            Trainer(args=TrainingArguments(str(Path(__file__).parent.parent / output_dir))).train()
        """,
    "a bare name": """
        # file: homework/sft.py
        def train_model(output_dir="sft_model"):
            Trainer(args=TrainingArguments(str(Path(__file__).parents[0] / output_dir))).train()
        """,
    "nested by f-string": """
        # file: homework/train.py
        PKG = Path(__file__).resolve().parent
        def train_model(name="homework/sft_model"):
            out = f"{PKG}/{name}"  # <- nested-output-dir
            Trainer(args=TrainingArguments(out)).train()
        """,
    "package folder joined when relative": """
        # file: homework/sft.py
        HERE = Path(__file__).parent
        def resolve(name):
            path = Path(name)
            return path if len(path.parts) > 1 else HERE / path
        def train_model(output_dir="homework/sft_model"):
            Trainer(args=TrainingArguments(str(resolve(output_dir)))).train()
        """,
}


@pytest.mark.parametrize("code", NESTED.values(), ids=NESTED)
def test_nested_folders(tmp_path: Path, code: str) -> None:
    """A path that names the package, joined to the package, is found where it is joined."""
    snippets.assert_as_marked(tmp_path, code)
