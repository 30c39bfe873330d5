"""Other tools on an adapter that lies on disk, with its base beside it; picklescan on whatever may hold pickles.

What counts of each stands beside it. Versions read: trainproof 0.22.0, peft-doctor 0.9.2, deltalint 0.1.0, dlm-sway
0.1.0, picklescan 1.0.5.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from .file_tools import of_peft_doctor, of_trainproof, quietly
from .plain import listening, model_class, refuse_others
from .subjects import UNSURE, Said
from .tool import NotApplicable

if TYPE_CHECKING:
    from .subjects import Adapter, Bundle, Package


def trainproof_adapter(adapter: Adapter) -> list[Said]:
    """``trainproof env --checkpoint adapter_model.bin``."""
    found = sorted(adapter.path.glob("adapter_model*.bin")) if adapter.path.is_dir() else []
    if not found:
        raise NotApplicable("it inspects torch archives (.pt, .ckpt, .bin), and there is none")
    with quietly():
        return [
            one for path in found for one in of_trainproof(import_module("trainproof.envcheck").check_checkpoint(path))
        ]


def peft_doctor_adapter(adapter: Adapter) -> list[Said]:
    """``adapter-integrity``, ``adapter-tensors`` if there are safetensors, ``lora-config-check``, ``adapter-check``."""
    pd = import_module("peft_doctor")
    if not adapter.path.is_dir() and adapter.path.suffix == ".zip":
        raise NotApplicable("it inspects folders")
    refuse_others(adapter)
    with quietly(), tempfile.TemporaryDirectory() as folder:
        reports = [pd.check_adapter_integrity(adapter.path)]
        if list(adapter.path.glob("adapter_model*.safetensors")):
            reports.append(pd.inspect_adapter_tensors(adapter.path))
        config = adapter.path / "adapter_config.json"
        if config.is_file() and json.loads(config.read_text()).get("peft_type") == "LORA":
            reports.append(pd.check_lora_config(config))
        merge = pd.diagnose_adapter_merge
        base = None if config.is_symlink() else str(adapter.base)  # a hub's cache names the hub's
        reports.append(merge(base_model=base, adapter=str(adapter.path), output_dir=str(Path(folder) / "m")))
    return of_peft_doctor(one for report in reports for one in report.issues)


# deltalint: FAIL and missing layers count; every other verdict than PASS is that it could not judge, for which its
# program has a status of its own (3), so that nobody reads it as fine; its verdict on the whole decides


def deltalint_adapter(adapter: Adapter) -> list[Said]:
    """``merge_and_unload`` by PEFT, then ``deltalint check --base --adapter --merged``."""
    from peft import PeftModel

    if not (adapter.path.is_dir() and list(adapter.path.glob("adapter_model*.safetensors"))):
        raise NotApplicable("it reads safetensors in a folder alone")
    lint = import_module("deltalint")
    with quietly(), tempfile.TemporaryDirectory() as folder:
        base = model_class(adapter.base).from_pretrained(adapter.base, dtype="auto")
        try:
            PeftModel.from_pretrained(base, str(adapter.path)).merge_and_unload().save_pretrained(folder)
        except Exception as error:
            raise NotApplicable(f"PEFT makes and saves no merged model of it ({type(error).__name__})") from error
        try:
            report = lint.check_merge(adapter.base, adapter.path, folder)
        except lint.CheckError as error:
            return [Said(0, f"{UNSURE}{error}")]
    said = [
        f"{'' if one.verdict is lint.Verdict.FAIL else UNSURE}{one.verdict.value} {one.name}: "
        f"{one.diagnosis or ''} {one.detail or ''}"
        for one in report.layers
        if not one.verdict.is_ok and report.verdict is not lint.Verdict.PASS
    ]
    said += [f"MISSING {name}: no counterpart in the merged checkpoint" for name in report.missing_layers]
    if not said and report.verdict is not lint.Verdict.PASS:
        said = [f"{UNSURE}{report.verdict.value} no layer was compared"]
    return [Said(0, text) for text in said]


# sway: a probe that ends as fail or error counts, and of PEFT's warnings the one that it is for


def sway_adapter(adapter: Adapter) -> list[Said]:
    """Two of the three probes of ``sway check ADAPTER --base BASE``: a null adapter, and the divergence from the base.

    The third, its drift of calibration, asks what the world knows, and a random tiny model knows nothing of it: it
    would fail on everything. What PEFT warns of on the way, that adapter keys are missing, is heard.
    """
    if adapter.path.suffix == ".zip":
        raise NotApplicable("it takes a folder")
    refuse_others(adapter)
    if not re.search("CausalLM|LMHead", model_class(adapter.base).__name__):
        raise NotApplicable("it is for causal language models")
    commands = import_module("dlm_sway.cli.commands")
    build = import_module("dlm_sway.backends").build
    spec = import_module("dlm_sway.suite.spec")
    model_spec = import_module("dlm_sway.core.model").ModelSpec
    run_suite = import_module("dlm_sway.suite.runner").run
    prompts = list(commands._BUILTIN_QUICK_PROMPTS)
    asked = [
        {"name": "quick_null", "kind": "null_adapter", "runs": 3},
        {"name": "quick_delta_kl", "kind": "delta_kl", "prompts": prompts, "assert_mean_gte": 0.01},
    ]
    tuned = model_spec(base=str(adapter.base), kind="hf", adapter=adapter.path)
    models = spec.SuiteModels(base=model_spec(base=str(adapter.base), kind="hf"), ft=tuned)
    suite = spec.SwaySpec(version=1, models=models, defaults=spec.SuiteDefaults(seed=0), suite=asked)
    backend = None
    with tempfile.TemporaryDirectory() as home:
        os.environ["HOME"] = home  # it keeps what it calibrates there; this process is the cell's own
        with listening() as heard:
            backend = build(tuned)
        if backend is None:
            return heard[:1]  # what it raises when it cannot load is its verdict
        with quietly():
            made = run_suite(suite, backend, spec_path="<check>")
    return [one for one in heard if "adapter keys" in one.text] + [
        Said(0, f"{one.verdict.value} {one.name}: {one.message}")
        for one in made.probes
        if one.verdict.value in {"fail", "error"}
    ]


# picklescan: dangerous globals and failed scans count


def scanned(path: Path) -> list[Said]:
    """Scan a file or a folder."""
    if not path.exists():
        return [Said(0, f"scan failed: Path {path} does not exist")]
    scanner = import_module("picklescan.scanner")
    with quietly():
        try:
            found = scanner.scan_directory_path(str(path)) if path.is_dir() else scanner.scan_file_path(str(path))
        except Exception as error:  # noqa: BLE001 - its program tells them and ends with status 2
            return [Said(0, f"scan failed: {type(error).__name__}: {error}")]
    bad = [f"{one.module}.{one.name}" for one in found.globals if one.safety is scanner.SafetyLevel.Dangerous]
    said = [Said(0, f"dangerous import '{name}' FOUND") for name in bad]
    return said + [Said(0, "scan failed: a file could not be read as what its name says")] * bool(found.scan_err)


def picklescan_adapter(adapter: Adapter) -> list[Said]:
    """``picklescan --path DIR``."""
    return scanned(adapter.path)


def picklescan_bundle(bundle: Bundle) -> list[Said]:
    """``picklescan --path ZIP``."""
    return scanned(bundle.path)


def picklescan_package(package: Package) -> list[Said]:
    """``picklescan --path DIR``."""
    return scanned(package.folder)
