"""Healthy adapters of every kind, as PEFT really saves them; nothing may be found on any of them.

``KINDS["DoRA"](folder)`` writes one below ``folder`` and returns what a person would name: a folder, or a zip. With
``manifest=True`` each adapter folder has a manifest of its own. Every model is tiny, every parameter is moved as if it
had been trained, and each kind is built once in a process and copied afterwards.

A kind that is on no list of another tool is here because somebody really saves adapters so: an older PEFT's
configuration with half the fields, the links of a hub cache, an adapter for one module and no more.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import json
import os
import shutil
import tempfile
import warnings
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import peft
import support
import torch
import transformers
from safetensors.torch import load_file, save_file

from unsilent.manifest import write_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ATTENTION = ["q_proj", "v_proj"]
WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
SHORT = {"F32": "fp32", "BF16": "bf16", "F16": "fp16"}
# What LoRA's configuration held in PEFT 0.4, of July 2023
OLD_FIELDS = {
    "base_model_name_or_path", "bias", "fan_in_fan_out", "inference_mode", "init_lora_weights", "layers_pattern",
    "layers_to_transform", "lora_alpha", "lora_dropout", "modules_to_save", "peft_type", "r", "revision",
    "target_modules", "task_type", "auto_mapping",
}  # fmt: skip
SIZES = {
    "vocab_size": 259,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "pad_token_id": 2,
}

GPT2_SIZES = {"vocab_size": 259, "n_embd": 32, "n_layer": 3, "n_head": 4, "bos_token_id": 1, "eos_token_id": 2}


def _t5() -> Any:  # noqa: ANN401 - a model, here and below
    config = transformers.T5Config(vocab_size=259, d_model=32, d_kv=8, d_ff=64, num_layers=3, num_heads=4)
    return transformers.T5ForConditionalGeneration(config)


def _gpt2() -> Any:  # noqa: ANN401
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(**GPT2_SIZES))


def _resized() -> Any:  # noqa: ANN401
    model = support.tiny_model(layers=3)
    model.resize_token_embeddings(264, mean_resizing=False)
    return model


MODELS: Mapping[str, Callable[[], Any]] = {
    "llama": lambda: support.tiny_model(layers=3),
    "untied": lambda: transformers.LlamaForCausalLM(transformers.LlamaConfig(**SIZES, tie_word_embeddings=False)),
    "biased": lambda: transformers.LlamaForCausalLM(transformers.LlamaConfig(**SIZES, attention_bias=True)),
    "resized": _resized,
    "mixtral": lambda: transformers.MixtralForCausalLM(transformers.MixtralConfig(**SIZES, num_local_experts=4)),
    "gpt2": _gpt2,
    "t5": _t5,
    "classifier": lambda: transformers.LlamaForSequenceClassification(transformers.LlamaConfig(**SIZES, num_labels=3)),
}


def write_base(folder: Path, model: str) -> Path:
    """Write the configuration of a base, which is all that keys and shapes are checked against."""
    path = folder / f"tiny-{model}"
    MODELS[model]().config.save_pretrained(path)
    return path


@functools.cache
def config_sha256(model: str) -> str:
    """Hash the configuration of a base, as a training run writes it into the manifest."""
    with tempfile.TemporaryDirectory() as folder:
        return hashlib.sha256((write_base(Path(folder), model) / "config.json").read_bytes()).hexdigest()


def as_trained(adapted: Any, seed: int) -> None:  # noqa: ANN401
    """Move every parameter that training would have moved."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for one in adapted.parameters():
            if one.requires_grad:
                one.add_(0.05 * torch.randn(one.shape, generator=generator).to(one.dtype))


def save(kind: Kind, folder: Path) -> None:
    """Create, move and save an adapter with PEFT."""
    torch.manual_seed(0)
    model = MODELS[kind.model]().to(kind.dtype)
    model.name_or_path = f"example/tiny-{kind.model}"
    config = getattr(peft, f"{kind.method}Config")(**kind.options)
    cast = {} if config.is_prompt_learning else {"autocast_adapter_dtype": kind.dtype == torch.float32}
    adapted = peft.get_peft_model(model, config, **cast)
    for number, name in enumerate(kind.others):
        adapted.add_adapter(name, getattr(peft, f"{kind.method}Config")(**{**kind.options, "r": 2 + number}))
        adapted.set_adapter(name)
        as_trained(adapted, number + 1)
    adapted.set_adapter("default")
    as_trained(adapted, 0)
    with contextlib.redirect_stdout(None):
        adapted.save_pretrained(folder, **kind.saving)
    for path in folder.rglob(CONFIG):
        written = json.loads(path.read_text())
        if isinstance(written.get("target_modules"), list):
            written["target_modules"].sort()  # a set in PEFT: in another order in every process
        path.write_text(json.dumps(written, indent=2, sort_keys=True))


def as_both(folder: Path) -> None:
    """Put the same weights beside the weights, in the other format."""
    kept = folder / "kept"
    shutil.copy(folder / WEIGHTS, kept)
    support.as_bin(folder)
    kept.rename(folder / WEIGHTS)


def as_old(folder: Path) -> None:
    """Leave of the configuration what PEFT 0.4 wrote."""
    config = json.loads((folder / CONFIG).read_text())
    old = {name: value for name, value in config.items() if name in OLD_FIELDS}
    (folder / CONFIG).write_text(json.dumps(old, indent=2, sort_keys=True))


def as_bin_shards(folder: Path) -> None:
    """Cut the weights into pickled shards with their index."""
    support.as_shards(folder)
    index = folder / f"{WEIGHTS}.index.json"
    for shard in sorted(folder.glob("adapter_model-*.safetensors")):
        torch.save(load_file(shard), shard.with_suffix(".bin"))
        shard.unlink()
    (folder / "adapter_model.bin.index.json").write_text(index.read_text().replace(".safetensors", ".bin"))
    index.unlink()


def in_output_folder(folder: Path) -> Path:
    """Lay it where a Trainer leaves it: the last of two checkpoints, beside the Trainer's own files."""
    for step in (2, 4):
        checkpoint = folder.with_name("output") / f"checkpoint-{step}"
        shutil.copytree(folder, checkpoint)
        weight = torch.nn.Parameter(torch.ones(2))
        optimizer = torch.optim.AdamW([weight])
        torch.save(optimizer.state_dict(), checkpoint / "optimizer.pt")
        torch.save({"last_epoch": step}, checkpoint / "scheduler.pt")
        torch.save(torch.get_rng_state(), checkpoint / "rng_state.pth")
        torch.save({"lr": 1e-3}, checkpoint / "training_args.bin")
        log = [{"step": number, "loss": 5 - number / 4, "grad_norm": 1.0} for number in range(1, step + 1)]
        (checkpoint / "trainer_state.json").write_text(json.dumps({"global_step": step, "log_history": log}))
    shutil.rmtree(folder)
    return folder.with_name("output")


def in_hub_cache(folder: Path) -> Path:
    """Lay it as the hub's client does: names that are links to blobs two folders up."""
    repository = folder.with_name("models--example--adapter")
    snapshot = repository / "snapshots" / ("0123456789abcdef" * 3)[:40]
    snapshot.mkdir(parents=True)
    (repository / "blobs").mkdir()
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(snapshot.name)
    for path in sorted(folder.iterdir()):
        blob = repository / "blobs" / hashlib.sha256(path.read_bytes()).hexdigest()
        path.rename(blob)
        (snapshot / path.name).symlink_to(Path("../../blobs") / blob.name)
    folder.rmdir()
    return snapshot


def in_zip(folder: Path, *, inner: bool) -> Path:
    """Zip the folder, with its name or without."""
    packed = folder.with_name("adapter.zip")
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder.parent if inner else folder))
    shutil.rmtree(folder)
    return packed


def merged(folder: Path) -> None:
    """Leave what ``merge_and_unload`` leaves: a whole model, and no adapter any more."""
    shutil.rmtree(folder)
    model = support.tiny_adapter().merge_and_unload()
    model.config.save_pretrained(folder)
    save_file({"model.norm.weight": model.model.norm.weight.detach()}, folder / "model.safetensors")


@dataclass(frozen=True)
class Kind:
    """One kind of healthy adapter: a configuration, and what is done to the folder afterwards."""

    method: str = "Lora"
    options: Mapping[str, Any] = field(default_factory=dict)
    model: str = "llama"
    dtype: torch.dtype = torch.float32
    others: tuple[str, ...] = ()
    saving: Mapping[str, Any] = field(default_factory=dict)
    after: Callable[[Path], object] | None = None
    place: Callable[[Path], Path] | None = None

    def __call__(self, folder: Path, *, manifest: bool = False) -> Path:
        """Write the adapter below ``folder`` and return the path to name."""
        kept, name = _built(self, manifest)
        shutil.copytree(kept, folder, symlinks=True, dirs_exist_ok=True)
        return folder / name

    def build(self, folder: Path, *, manifest: bool) -> Path:
        """Really build it."""
        adapter = folder / "adapter"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what PEFT says of tied weights and the like is not the subject
            save(self, adapter)
        if self.after is not None:
            self.after(adapter)
        if manifest:
            self._describe(adapter)
            for config in adapter.glob(f"*/{CONFIG}"):
                self._describe(config.parent)
        return self.place(adapter) if self.place else adapter

    def _describe(self, adapter: Path) -> None:
        base = {"name": f"example/tiny-{self.model}", "revision": None, "config_sha256": config_sha256(self.model)}
        dtype = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}[self.dtype]
        write_manifest(adapter, support.manifest_content() | {"base": base, "dtype": {"base": dtype, "adapter": dtype}})


@functools.cache
def _cache() -> Path:
    folder = tempfile.mkdtemp(prefix="adapter-kinds-")
    owner = os.getpid()  # a forked worker leaves it alone
    atexit.register(lambda: shutil.rmtree(folder, ignore_errors=True) if os.getpid() == owner else None)
    return Path(folder)


_BUILT: dict[tuple[int, bool], tuple[Path, Path]] = {}


def _built(kind: Kind, manifest: bool) -> tuple[Path, Path]:  # noqa: FBT001 - a private function
    if (id(kind), manifest) not in _BUILT:
        folder = Path(tempfile.mkdtemp(dir=_cache()))
        with torch.random.fork_rng(devices=[]):
            path = kind.build(folder, manifest=manifest)
        _BUILT[id(kind), manifest] = folder, path.relative_to(folder)
    return _BUILT[id(kind), manifest]


def lora(model: str = "llama", dtype: torch.dtype = torch.float32, **options: Any) -> Kind:  # noqa: ANN401
    """LoRA on every linear layer, unless the options say otherwise."""
    laying = {name: options.pop(name) for name in ("others", "saving", "after", "place") if name in options}
    usual = {"r": 4, "lora_alpha": 8, "target_modules": "all-linear", "task_type": "CAUSAL_LM"}
    return Kind("Lora", usual | options, model, dtype, **laying)


def other(method: str, **options: Any) -> Kind:  # noqa: ANN401
    """Another method than LoRA, on two modules where it has modules."""
    return Kind(method, {"task_type": "CAUSAL_LM", **options})


KINDS: Mapping[str, Kind] = {
    "all-linear fp32": lora(),
    "all-linear bf16": lora(dtype=torch.bfloat16),
    "all-linear fp16": lora(dtype=torch.float16),
    "names": lora(target_modules=ATTENTION),
    "regex": lora(target_modules=r".*\.self_attn\.(q|v)_proj"),
    "one module": lora(target_modules=["model.layers.1.self_attn.q_proj"]),
    "one layer": lora(target_modules=ATTENTION, layers_to_transform=[1]),
    "layers pattern": lora(target_modules=ATTENTION, layers_to_transform=[0, 2], layers_pattern="layers"),
    "all but one": lora(exclude_modules=["down_proj"]),
    "rsLoRA": lora(use_rslora=True),
    "DoRA": lora(use_dora=True),
    "DoRA bf16": lora(use_dora=True, dtype=torch.bfloat16),
    "rank and alpha patterns": lora(rank_pattern={"q_proj": 8, "layers.1.mlp.up_proj": 2}, alpha_pattern={"q_proj": 3}),
    "modules to save": lora("untied", target_modules=ATTENTION, modules_to_save=["norm", "lm_head"]),
    "embeddings": lora("untied", target_modules=["q_proj", "embed_tokens", "lm_head"]),
    "embeddings without the base's": lora(
        "untied", target_modules=["q_proj", "embed_tokens"], saving={"save_embedding_layers": False}
    ),
    "tied embeddings": lora(target_modules=["q_proj", "embed_tokens"], ensure_weight_tying=True),
    "resized vocabulary": lora("resized", saving={"save_embedding_layers": True}),
    "trainable tokens with LoRA": lora(trainable_token_indices={"embed_tokens": [3, 5, 7]}),
    "biases": lora("biased", target_modules=ATTENTION, bias="lora_only"),
    "all biases": lora("biased", target_modules=ATTENTION, bias="all"),
    "LoRA with a bias": lora("biased", target_modules=ATTENTION, lora_bias=True),
    "PiSSA": lora(init_lora_weights="pissa"),
    "OLoRA": lora(init_lora_weights="olora"),
    "gaussian": lora(init_lora_weights="gaussian"),
    "replicated layers": lora(target_modules=ATTENTION, layer_replication=[(0, 2), (1, 3)]),
    "activated LoRA": lora(target_modules=ATTENTION, alora_invocation_tokens=[1, 2]),
    "rank 1": lora(r=1),
    "MoE": lora("mixtral"),
    "target parameters": lora(
        "mixtral", target_modules=["q_proj"], target_parameters=["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]
    ),
    "GPT-2": lora("gpt2", target_modules=["c_attn", "c_proj"], fan_in_fan_out=True),
    "T5": lora("t5", target_modules=["q", "v"], task_type="SEQ_2_SEQ_LM"),
    "classifier": lora("classifier", target_modules=ATTENTION, task_type="SEQ_CLS"),
    "no task": lora(task_type=None),
    "two adapters": lora(others=("second",)),
    "three adapters": lora(target_modules=ATTENTION, others=("french", "german")),
    "old configuration": lora(target_modules=ATTENTION, after=as_old),
    "bin": lora(after=support.as_bin),
    "both formats": lora(after=as_both),
    "shards": lora(after=support.as_shards),
    "bin shards": lora(after=as_bin_shards),
    "checkpoints": lora(place=in_output_folder),
    "one checkpoint": lora(place=lambda folder: in_output_folder(folder) / "checkpoint-4"),
    "zip": lora(place=functools.partial(in_zip, inner=False)),
    "zip of a folder": lora(place=functools.partial(in_zip, inner=True)),
    "hub cache": lora(place=in_hub_cache),
    "merged": lora(after=merged),
    "IA3": other("IA3", target_modules=["k_proj", "down_proj"], feedforward_modules=["down_proj"]),
    "LoHa": other("LoHa", r=4, target_modules=ATTENTION),
    "LoKr": other("LoKr", r=4, target_modules=ATTENTION),
    "AdaLoRA": other("AdaLora", init_r=6, target_r=4, total_step=9, tinit=1, tfinal=1, target_modules=ATTENTION),
    "VeRA": other("Vera", r=4, target_modules=ATTENTION),
    "OFT": other("OFT", oft_block_size=4, target_modules=ATTENTION),
    "HRA": other("HRA", r=4, target_modules=ATTENTION),
    "FourierFT": other("FourierFT", n_frequency=10, target_modules=ATTENTION),
    "MiSS": other("Miss", r=4, target_modules=ATTENTION),
    "RoAd": other("Road", group_size=4, target_modules=ATTENTION),
    "SHiRA": other("Shira", r=4, target_modules=ATTENTION),
    "DeLoRA": other("Delora", r=4, target_modules=ATTENTION),
    "HiRA": other("Hira", r=4, target_modules=ATTENTION),
    "RandLoRA": other("RandLora", r=4, target_modules=ATTENTION),
    "norm layers": other("LNTuning"),
    "trainable tokens": other("TrainableTokens", token_indices=[1, 2], target_modules=["embed_tokens"]),
    "prompt": other("PromptTuning", num_virtual_tokens=4),
    "prefix": other("PrefixTuning", num_virtual_tokens=4),
    "p-tuning": other("PromptEncoder", num_virtual_tokens=4, encoder_hidden_size=8),
}
# Whose contents are judged tensor by tensor; of other methods it is said only what they are.
JUDGED = tuple(name for name, kind in KINDS.items() if kind.method == "Lora" and kind.after is not merged)
