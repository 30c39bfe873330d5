"""The model that was saved and loaded is the model that was trained, in a new process too.

Keys dropped or renamed between save and load give a model that loads, answers, and is another one (reported for
sentence-transformers and vllm). The live model's logits, kept in the manifest, tell.
"""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import faults
import pytest
import support
import torch
from peft import PeftModel

from homework import sft
from homework.adapter_files import read_manifest
from homework.adapter_store import save_adapter
from homework.errors import AdapterRefused
from homework.lora import add_adapter
from unsilent.parity import check_dtype, check_reload, record_logits

pytestmark = [pytest.mark.regression, pytest.mark.failure("reload-mismatch")]

PROMPTS = ["How many cm are in 3 m? <answer>", "What is 1 kg in g? <answer>"]
QUESTIONS = ["How many cm are in 3 m?", "What is 1 kg in g?", "And 7 ft in inches?"]

# A new process loads the adapter, answers, and compares itself with what the manifest recorded.
CHILD = """
import json, sys
from homework import sft
from homework.adapter_files import read_manifest
from pathlib import Path
from unsilent.parity import check_reload
for folder in sys.argv[1:3]:
    llm = sft.load(folder)
    llm.max_new_tokens = 8
    prompts = [llm.format_prompt(question) for question in sys.argv[3:]]
    status = check_reload(read_manifest(Path(folder))["logits"], llm.model).status
    print(json.dumps({"texts": llm.batched_generate(prompts), "status": status}))
"""


def trained_live(base: Path, dtype: str) -> sft.SFTModel:
    """A model that was just trained for a few steps and is still in memory."""
    llm = sft.SFTModel(str(base), dtype=dtype, device="cpu")
    llm.model = add_adapter(llm.model, 4)
    llm.max_new_tokens = 8
    optimizer = torch.optim.AdamW([weight for weight in llm.model.parameters() if weight.requires_grad], lr=3e-2)
    ids = torch.tensor([llm.tokenizer(PROMPTS[0])["input_ids"]])
    for _ in range(4):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == "bf16"):
            llm.model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return llm


def saved(llm: sft.SFTModel, base: Path, folder: Path, dtype: str) -> dict[str, Any]:
    """Save as training does, with the logits of the live model; they are returned."""
    recorded = record_logits(llm.model, llm.tokenizer, PROMPTS)
    llm.model.peft_config["default"].base_model_name_or_path = str(base)
    content = support.manifest_content(str(base), dtype={"base": dtype, "adapter": "fp32"}, logits=recorded)
    content["base"] = {"name": str(base), "revision": None, "config_sha256": ""}
    save_adapter(llm.model, folder, content, {}, overwrite=False)
    return recorded


def reload_as_reported(folder: Path) -> Any:  # noqa: ANN401 - a PEFT model
    """Load with PEFT alone, its warning unheard."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return PeftModel.from_pretrained(support.tiny_model(), str(folder)).eval()


LOSSES = {"dropped": faults.drop_tensors, "renamed": lambda folder: faults.rename_tensors(folder, "mlp", "ffn")}


@pytest.mark.parametrize("lose", LOSSES.values(), ids=LOSSES.keys())
def test_fault_is_real(tiny_base: Path, tmp_path: Path, lose: Any) -> None:  # noqa: ANN401
    """PEFT loads what is left and goes on with another model; the greatest sign is a warning."""
    llm = trained_live(tiny_base, "fp32")
    saved(llm, tiny_base, tmp_path / "sft", "fp32")
    lose(tmp_path / "sft")
    ids = torch.tensor([llm.tokenizer(PROMPTS[1])["input_ids"]])
    with torch.no_grad():
        gap = (reload_as_reported(tmp_path / "sft")(ids).logits - llm.model.eval()(ids).logits).abs().max()

    assert gap > 0.1, gap


@pytest.mark.parametrize("lose", LOSSES.values(), ids=LOSSES.keys())
def test_check_finds_it(tiny_base: Path, tmp_path: Path, lose: Any) -> None:  # noqa: ANN401
    """The finding says how large the difference is and where."""
    llm = trained_live(tiny_base, "fp32")
    recorded = saved(llm, tiny_base, tmp_path / "sft", "fp32")
    lose(tmp_path / "sft")
    outcome = check_reload(recorded, reload_as_reported(tmp_path / "sft"))

    assert (outcome.status, outcome.slug) == ("failed", "reload-mismatch")
    assert "Expected the reloaded model to say what the live one said" in outcome.message
    assert float(str(outcome.evidence["mean"])) > float(str(outcome.evidence["bound"]))


def test_library_refuses_to_load_it(tiny_base: Path, tmp_path: Path) -> None:
    """By its hash where there is a manifest, and by its missing keys where there is none."""
    saved(trained_live(tiny_base, "fp32"), tiny_base, tmp_path / "sft", "fp32")
    faults.drop_tensors(tmp_path / "sft")
    with pytest.raises(AdapterRefused, match="sha256 differs"):
        sft.load(str(tmp_path / "sft"))

    (tmp_path / "sft" / "manifest.json").unlink()
    with pytest.raises(AdapterRefused, match="14 of 28 tensors missing on disk"):
        sft.load(str(tmp_path / "sft"))


@pytest.mark.no_cover
def test_healthy_twin_says_the_same_in_a_new_process(tiny_base: Path, tmp_path: Path) -> None:
    """Same completions, and logits within the bound, from a process that knows nothing but the folders; both dtypes."""
    expected = []
    for dtype in ("fp32", "bf16"):
        llm = trained_live(tiny_base, dtype)
        saved(llm, tiny_base, tmp_path / dtype, dtype)
        texts = llm.batched_generate([llm.format_prompt(question) for question in QUESTIONS])
        expected.append({"texts": texts, "status": "passed"})
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path / "fp32"), str(tmp_path / "bf16"), *QUESTIONS],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert [json.loads(line) for line in done.stdout.splitlines()] == expected


@pytest.mark.no_cover
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_trained_run_can_be_compared_later(
    tiny_base: Path, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    """Every run leaves its logits in the manifest, to the last bit those of the reloaded model: no autocast in them."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    support.train_tiny(tiny_base, tmp_path / "sft", precision=precision)
    manifest = read_manifest(tmp_path / "sft")
    llm = sft.load(str(tmp_path / "sft"))
    prompts = [one["prompt"] for one in manifest["logits"]["asked"]]

    assert check_reload(manifest["logits"], llm.model).status == "passed"
    assert check_dtype(manifest["dtype"]["base"], llm.model).status == "passed"
    assert record_logits(llm.model, llm.tokenizer, prompts) == manifest["logits"]
