"""What the script finds out without weights is what PEFT does with them: each case is really loaded, too."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from unsilent import base_script

Q = ["q_proj"]
EXPERTS = ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]
HEADS = {
    "SEQ_CLS": transformers.AutoModelForSequenceClassification,
    "TOKEN_CLS": transformers.AutoModelForTokenClassification,
    "SEQ_2_SEQ_LM": transformers.AutoModelForSeq2SeqLM,
    "FEATURE_EXTRACTION": transformers.AutoModel,
}


def llama(**changes: Any) -> Any:  # noqa: ANN401 - a configuration
    """The configuration of a 2-layer Llama, embeddings not tied."""
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    return transformers.LlamaConfig(
        **{"vocab_size": 259, "num_key_value_heads": 2, "tie_word_embeddings": False} | sizes | changes
    )


def tied() -> Any:  # noqa: ANN401 - a configuration
    """The same, its embeddings tied."""
    return llama(tie_word_embeddings=True)


def mixtral() -> Any:  # noqa: ANN401 - a configuration
    """A tiny mixture of four experts."""
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    return transformers.MixtralConfig(vocab_size=259, num_key_value_heads=2, num_local_experts=4, **sizes)


def gpt2() -> Any:  # noqa: ANN401 - a configuration
    """A tiny GPT-2: Conv1D in place of linear layers, and biases."""
    return transformers.GPT2Config(vocab_size=259, n_embd=32, n_layer=2, n_head=4, n_positions=64)


def t5() -> Any:  # noqa: ANN401 - a configuration
    """A tiny encoder and decoder."""
    return transformers.T5Config(vocab_size=259, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4)


@dataclass
class Kind:
    """A base, an adapter's configuration, and what a user states when loading the base."""

    adapter: Callable[..., Any]
    options: Mapping[str, Any]
    base: Callable[[], Any] = llama
    task: str | None = "CAUSAL_LM"
    stated: Mapping[str, int] = field(default_factory=dict)

    def load_base(self, folder: Path) -> Any:  # noqa: ANN401 - a model
        """Load the base as the adapter needs it."""
        labels = {name: number for name, number in self.stated.items() if name == "num_labels"}
        model = HEADS.get(str(self.task), transformers.AutoModelForCausalLM).from_pretrained(folder, **labels)
        if "vocab_size" in self.stated:
            model.resize_token_embeddings(self.stated["vocab_size"])
        return model


def lora(base: Callable[[], Any] = llama, task: str | None = "CAUSAL_LM", **options: Any) -> Kind:  # noqa: ANN401 - fields of LoraConfig
    """LoRA of rank 4, on ``q_proj`` unless told otherwise; ``stated`` is what a user states when loading."""
    stated = options.pop("stated", {})
    return Kind(peft.LoraConfig, {"r": 4, "target_modules": Q} | options, base, task, stated)


KINDS = {
    "all-linear": lora(target_modules="all-linear"),
    "no task named": lora(task=None),
    "default targets": lora(target_modules=None),
    "regex": lora(target_modules=r".*\.(q|v)_proj"),
    "rsLoRA": lora(use_rslora=True),
    "DoRA": lora(use_dora=True),
    "DoRA on embeddings": lora(use_dora=True, target_modules=["q_proj", "embed_tokens"]),
    "rank and alpha patterns": lora(rank_pattern={"0.self_attn.q_proj": 8}, alpha_pattern={"q_proj": 1}),
    "modules_to_save": lora(modules_to_save=["lm_head"]),
    "modules_to_save, tied": lora(tied, modules_to_save=["lm_head", "embed_tokens"]),
    "tying kept": lora(tied, modules_to_save=["embed_tokens"], ensure_weight_tying=True),
    "embeddings": lora(target_modules=["q_proj", "embed_tokens", "lm_head"]),
    "embeddings, tied": lora(tied, target_modules=["q_proj", "embed_tokens"]),
    "one layer": lora(layers_to_transform=[1]),
    "parameters": lora(mixtral, target_parameters=EXPERTS),
    "all-linear with experts": lora(mixtral, target_modules="all-linear"),
    "bias=all": lora(gpt2, target_modules=["c_attn"], fan_in_fan_out=True, bias="all"),
    "bias=lora_only": lora(gpt2, target_modules=["c_attn"], fan_in_fan_out=True, bias="lora_only"),
    "lora_bias": lora(gpt2, target_modules=["c_attn"], fan_in_fan_out=True, lora_bias=True),
    "GPT-2 all-linear": lora(gpt2, target_modules="all-linear", fan_in_fan_out=True),
    "T5": lora(t5, "SEQ_2_SEQ_LM", target_modules=["q", "v"]),
    "features": lora(task="FEATURE_EXTRACTION"),
    "some tokens": lora(trainable_token_indices=[1, 2]),
    "some tokens, tied": lora(tied, trainable_token_indices=[1, 2]),
    "two classes": lora(task="SEQ_CLS"),
    "five classes": lora(task="SEQ_CLS", stated={"num_labels": 5}),
    "classes of tokens": lora(task="TOKEN_CLS", stated={"num_labels": 3}),
    "resized vocabulary": lora(tied, stated={"vocab_size": 262}),
    "resized, embeddings": lora(target_modules=["q_proj", "embed_tokens", "lm_head"], stated={"vocab_size": 262}),
    "PiSSA": lora(init_lora_weights="pissa"),
    "IA3": Kind(peft.IA3Config, {}),
    "LoHa": Kind(peft.LoHaConfig, {"r": 4, "target_modules": Q}),
    "LoKr": Kind(peft.LoKrConfig, {"r": 4, "target_modules": Q}),
    "VeRA": Kind(peft.VeraConfig, {"r": 4, "target_modules": ["q_proj", "v_proj"]}),
    "AdaLoRA": Kind(peft.AdaLoraConfig, {"init_r": 6, "target_r": 4, "total_step": 9, "target_modules": Q}),
    "OFT": Kind(peft.OFTConfig, {"oft_block_size": 4, "target_modules": Q}),
    "trainable tokens": Kind(peft.TrainableTokensConfig, {"token_indices": [1], "target_modules": ["embed_tokens"]}),
    "prompt tuning": Kind(peft.PromptTuningConfig, {"num_virtual_tokens": 5}),
    "prefix tuning": Kind(peft.PrefixTuningConfig, {"num_virtual_tokens": 5}),
    "p-tuning": Kind(peft.PromptEncoderConfig, {"num_virtual_tokens": 5, "encoder_hidden_size": 16}),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """PEFT says much while it loads; what it drops is read from its result."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture
def save(tmp_path: Path) -> Callable[[Kind], Path]:
    """Make a base (``base``) and an adapter on it (``adapter``), both on disk."""

    def save(kind: Kind) -> Path:
        config = kind.base()
        maker = transformers.AutoModelForSeq2SeqLM if config.is_encoder_decoder else transformers.AutoModelForCausalLM
        maker.from_config(config).save_pretrained(tmp_path / "base")
        settings = kind.adapter(**kind.options, task_type=kind.task)
        peft.get_peft_model(kind.load_base(tmp_path / "base"), settings).save_pretrained(tmp_path / "adapter")
        return tmp_path

    return save


def found(folder: Path, base: Any = None) -> dict[str, Any]:  # noqa: ANN401 - a configuration
    """Ask the script about an adapter on its base, or on another."""
    base = base.to_dict() if base else json.loads((folder / "base" / "config.json").read_text())
    adapter = json.loads((folder / "adapter" / "adapter_config.json").read_text())
    tensors = load_file(folder / "adapter" / "adapter_model.safetensors")
    return base_script.compare(base, adapter, {key: list(tensor.shape) for key, tensor in tensors.items()})


def loaded(model: Any, folder: Path) -> tuple[set[str], set[str]]:  # noqa: ANN401 - a model
    """Really load; what PEFT lacks and drops, under the names that saving would give."""
    results: list[Any] = []
    load = peft.PeftModel.load_adapter

    def keep(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as PEFT's
        results.append(load(*arguments, **options))
        return results[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(peft.PeftModel, "load_adapter", keep)
        peft.PeftModel.from_pretrained(model, folder / "adapter")
    # a prompt is no part of the model's state and is loaded beside it
    unexpected = set(results[0].unexpected_keys) - {"prompt_embeddings"}
    return {_saved(key) for key in results[0].missing_keys}, {_saved(key) for key in unexpected}


def _saved(key: str) -> str:
    key = key.replace(".default", "")
    return key.removesuffix(".weight") if "magnitude" in key else key


def refused(model: Any, folder: Path) -> dict[str, list[list[int]]]:  # noqa: ANN401 - a model
    """Really load where PEFT refuses shapes; which, as its message says."""
    with pytest.raises(RuntimeError, match="size mismatch") as refusal:
        peft.PeftModel.from_pretrained(model, folder / "adapter")
    said = re.findall(r"size mismatch for (\S+): .*?Size\((.*?)\).*?Size\((.*?)\)", str(refusal.value))
    return {_saved(name): [json.loads(got), json.loads(due)] for name, got, due in said}


def rewrite(folder: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Change the tensors of an adapter on disk."""
    path = folder / "adapter" / "adapter_model.safetensors"
    save_file(change(load_file(path)), path)


def configure(folder: Path, **changes: object) -> None:
    """Change an adapter's configuration on disk."""
    path = folder / "adapter" / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize("name", KINDS)
def test_healthy_kinds_fit(save: Callable[[Kind], Path], name: str) -> None:
    """What PEFT saved and loads without a word is found to fit, on a base of the same class and size."""
    folder = save(KINDS[name])
    base = KINDS[name].load_base(folder / "base")
    architecture = type(base).__name__

    facts = found(folder)

    assert [facts.get(one) for one in ("complaint", "missing", "unexpected", "mismatched")] == [None, [], [], {}]
    assert (facts["architecture"], facts["parameters"]) == (architecture, sum(one.numel() for one in base.parameters()))
    assert {key: got for key, (got, _) in facts["assumed"].items()} == KINDS[name].stated
    assert loaded(base, folder) == (set(), set())


@pytest.mark.parametrize("name", ["all-linear", "one layer", "parameters", "T5", "IA3"])
def test_modules_are_those_that_get_an_adapter(save: Callable[[Kind], Path], name: str) -> None:
    """By their path in the base."""
    folder = save(KINDS[name])
    tuner = peft.PeftModel.from_pretrained(KINDS[name].load_base(folder / "base"), folder / "adapter").base_model

    facts = found(folder)

    assert facts["modules"] == sorted({*tuner.targeted_module_names, *tuner.targeted_parameter_names})
    assert facts["layers"] == 2


def test_pruned_ranks_fit(save: Callable[[Kind], Path]) -> None:
    """AdaLoRA writes only the ranks that it kept, and which in its configuration."""
    folder = save(KINDS["AdaLoRA"])
    kept = {f"model.layers.{layer}.self_attn.q_proj.lora_E": [True, False] * 3 for layer in (0, 1)}
    configure(folder, rank_pattern=kept)
    cut = {"lora_A": lambda one: one[:3], "lora_E": lambda one: one[:3], "lora_B": lambda one: one[:, :3].contiguous()}
    rewrite(folder, lambda tensors: {key: cut[key.rpartition(".")[2]](tensor) for key, tensor in tensors.items()})

    facts = found(folder)

    assert (facts["missing"], facts["unexpected"], facts["mismatched"]) == ([], [], {})
    assert loaded(KINDS["AdaLoRA"].load_base(folder / "base"), folder) == (set(), set())


def test_experts_of_an_older_transformers_fit(save: Callable[[Kind], Path]) -> None:
    """Each expert had tensors of its own; PEFT fuses them on the way."""
    kind = lora(mixtral)
    folder = save(kind)
    configure(folder, target_modules=["w1", "w2", "w3"])
    sizes = {"w1": (32, 64), "w2": (64, 32), "w3": (32, 64)}
    old = {
        f"base_model.model.model.layers.{layer}.block_sparse_moe.experts.{expert}.{name}.lora_{half}.weight": tensor
        for layer in (0, 1)
        for expert in range(4)
        for name, (wide, high) in sizes.items()
        for half, tensor in (("A", torch.zeros(4, wide)), ("B", torch.zeros(high, 4)))
    }
    rewrite(folder, lambda tensors: old)

    facts = found(folder)

    assert (facts["missing"], facts["unexpected"], facts["mismatched"]) == ([], [], {})
    assert loaded(kind.load_base(folder / "base"), folder) == (set(), set())


FAULTS: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "prefix lost": lambda held: {key.replace("model.model.layers", "model.layers"): one for key, one in held.items()},
    "adapter's name kept": lambda held: {key.replace("lora_A", "lora_A.sft"): one for key, one in held.items()},
    "a module dropped": lambda held: {key: one for key, one in held.items() if "0.self_attn.q_proj" not in key},
    "halves of a module": lambda held: {key: one for key, one in held.items() if "lora_B" not in key},
    "a layer too many": lambda held: (
        held | {key.replace("layers.1", "layers.7"): one.clone() for key, one in held.items()}
    ),
}


@pytest.mark.no_cover
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", ["all-linear", "DoRA", "two classes", "parameters", "OFT"])
def test_dropped_and_missing_keys_are_those_of_peft(save: Callable[[Kind], Path], name: str, fault: str) -> None:
    """By their names on disk."""
    folder = save(KINDS[name])
    rewrite(folder, FAULTS[fault])
    missing, unexpected = loaded(KINDS[name].load_base(folder / "base"), folder)

    facts = found(folder)

    assert (set(facts["missing"]), set(facts["unexpected"]), facts["mismatched"]) == (missing, unexpected, {})


@pytest.mark.parametrize(
    ("base", "changes"),
    [
        (llama(hidden_size=48), {}),
        (llama(num_key_value_heads=1, intermediate_size=80), {}),
        (llama(), {"r": 8}),
        (llama(), {"rank_pattern": {"up_proj": 2}}),
    ],
    ids=["hidden size", "heads", "rank", "rank pattern"],
)
def test_other_shapes_are_those_that_peft_refuses(
    save: Callable[[Kind], Path], base: transformers.PretrainedConfig, changes: dict[str, object]
) -> None:
    """Each with the shape on disk and the one that is due."""
    folder = save(KINDS["all-linear"])
    configure(folder, **changes)
    really = refused(transformers.AutoModelForCausalLM.from_config(base), folder)

    facts = found(folder, base)

    assert facts["mismatched"] == really
    assert facts["mismatched"]
    assert (facts["missing"], facts["unexpected"]) == ([], [])


@pytest.mark.parametrize(
    ("name", "lost", "cut"),
    [
        ("modules_to_save", "base_model.model.lm_head.weight", (100, 32)),
        ("two classes", "base_model.model.score.weight", (2, 16)),
        ("prompt tuning", "prompt_embeddings", (4, 32)),
        ("VeRA", "base_model.vera_A", (4, 16)),
    ],
)
def test_what_peft_looks_up_by_name(save: Callable[[Kind], Path], name: str, lost: str, cut: tuple[int, ...]) -> None:
    """PEFT raises a bare error over these; which it is and what is due is said, and the rest is judged, too."""
    folder = save(KINDS[name])
    due = list(load_file(folder / "adapter" / "adapter_model.safetensors")[lost].shape)
    rewrite(folder, lambda tensors: tensors | {lost: torch.zeros(cut), "nowhere": torch.zeros(1)})
    other = found(folder)
    rewrite(folder, lambda tensors: {key: one for key, one in tensors.items() if key != lost})
    with pytest.raises((KeyError, ValueError)):
        loaded(KINDS[name].load_base(folder / "base"), folder)

    none = found(folder)

    assert (other["missing"], other["unexpected"], other["mismatched"]) == ([], ["nowhere"], {lost: [list(cut), due]})
    assert (none["missing"], none["unexpected"], none["mismatched"]) == ([lost], ["nowhere"], {})


@pytest.mark.parametrize(
    ("base", "adapter", "complaint"),
    [
        ({"model_type": "nowhere"}, {}, "does not know the base's architecture 'nowhere'"),
        ({"model_type": ["llama"]}, {}, "does not know the base's architecture"),
        ({"model_type": "own", "auto_map": {}}, {}, "code of its own .auto_map., which is never run"),
        ({"vocab_size": "many"}, {}, "transformers .* cannot build the base"),
        ({"model_type": "mixtral", "vocab_size": -1}, {}, "transformers .* cannot build the base"),
        ({}, {"peft_type": "WOW"}, "PEFT .* refuses the configuration .KeyError: 'WOW'"),
        ({}, {"r": -1}, "refuses the configuration on this base .*positive"),
        ({}, {"r": "4"}, "refuses the configuration on this base .TypeError"),
        ({}, {"target_modules": ["c_attn"]}, "Target modules .* not found in the base model"),
        ({}, {"target_modules": "((("}, "unterminated subpattern"),
        ({}, {"peft_type": "BOFT"}, "cannot build BOFT without weights"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_a_complaint(
    base: dict[str, object], adapter: dict[str, object], complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose refusal it is, and in which words."""
    for compiler in ("CC", "CXX"):
        monkeypatch.setenv(compiler, "gcc")  # BOFT sets them and leaves them
    adapter = {"peft_type": "LORA", "target_modules": Q, "task_type": "CAUSAL_LM"} | adapter

    facts = base_script.compare(llama().to_dict() | base, adapter, {})

    assert facts.keys() <= {"complaint", "refused"}
    assert re.search(complaint, facts["complaint"]), facts["complaint"]


def test_shapes_that_no_tensor_has() -> None:
    """More elements than can be counted."""
    adapter = {"peft_type": "LORA", "target_modules": Q}

    facts = base_script.compare(llama().to_dict(), adapter, {"base_model.model.x.lora_A.weight": [10**12, 10**12]})

    assert "refuses the keys and shapes" in facts["complaint"]


def test_end_of_memory_is_nobodys_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither library said no."""

    def fill(content: object) -> None:
        raise MemoryError

    monkeypatch.setattr(base_script, "read_settings", fill)

    with pytest.raises(MemoryError, match=r"^$"):
        base_script.compare({}, {}, {})


def test_absurd_rank_takes_no_memory() -> None:
    """A thousand million ranks are numbers on the meta device."""
    facts = base_script.compare(llama().to_dict(), {"peft_type": "LORA", "target_modules": Q, "r": 10**9}, {})

    assert len(facts["missing"]) == 4


@pytest.mark.parametrize(
    ("named", "mapping", "task", "architecture"),
    [
        (["LlamaForCausalLM"], None, "CAUSAL_LM", "LlamaForCausalLM"),
        (["LlamaModel"], None, None, "LlamaModel"),
        (["LlamaModel"], {"base_model_class": "LlamaForCausalLM"}, None, "LlamaForCausalLM"),
        (["LlamaForCausalLM"], None, "SEQ_CLS", "LlamaForSequenceClassification"),
        (None, None, "CAUSAL_LM", "LlamaForCausalLM"),
        (None, None, None, "LlamaModel"),
        (["GPT2LMHeadModel", "Trainer", 5], [], None, "LlamaModel"),
    ],
    ids=["named", "named, no task", "trained on", "a head", "task", "neither", "of no use"],
)
def test_class_of_the_base(named: object, mapping: object, task: str | None, architecture: str) -> None:
    """The task's where training adds a head; else the one trained on, the one named, the one that writes text."""
    adapter = {"peft_type": "LORA", "target_modules": Q, "task_type": task, "auto_mapping": mapping}

    facts = base_script.compare(llama().to_dict() | {"architectures": named}, adapter, {})

    assert facts["architecture"] == architecture


def test_no_class_at_all() -> None:
    """A configuration of a part of a larger model, which no auto class builds."""
    adapter = {"peft_type": "LORA", "target_modules": ["query"]}

    facts = base_script.compare({"model_type": "clap_text_model"}, adapter, {})

    assert "Unrecognized configuration class" in facts["complaint"]


def test_base_without_words() -> None:
    """A model of sounds has no vocabulary to be resized."""
    base = transformers.Wav2Vec2Config(hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64)

    facts = base_script.compare(base.to_dict(), {"peft_type": "LORA", "target_modules": Q}, {})

    assert (facts["modules"], facts["assumed"]) == (["encoder.layers.0.attention.q_proj"], {})


def test_resized_vocabulary_of_lora_alone(save: Callable[[Kind], Path]) -> None:
    """Without the base's own embeddings in the file, the rows are counted from what was trained on them."""
    folder = save(KINDS["resized, embeddings"])
    rewrite(folder, lambda tensors: {key: one for key, one in tensors.items() if "base_layer" not in key})

    facts = found(folder)

    assert (facts["assumed"], facts["mismatched"]) == ({"vocab_size": [262, 259]}, {})


def test_prompt_that_began_with_a_text_fits(save: Callable[[Kind], Path]) -> None:
    """Its tokenizer is not looked for."""
    folder = save(KINDS["prompt tuning"])
    configure(folder, prompt_tuning_init="TEXT", prompt_tuning_init_text="hi", tokenizer_name_or_path="/nowhere")

    assert found(folder)["missing"] == []


def test_complaint_is_one_printable_line() -> None:
    """However long, and whatever it holds."""
    said = base_script.in_words(ValueError("a\nb\x1b[31m" + "x" * 9999))

    assert said.startswith("ValueError: a b [31mxxx")
    assert len(said) < 500


ATTEMPTS = {
    "read": "open('/etc/hostname')",
    "read by link": "open(link)",
    "write": "open(own + '/unsilent-was-here', 'w')",
    "append": "os.open(own, os.O_RDWR | os.O_CREAT)",
    "remove": "os.remove(link)",
    "connect": "socket.create_connection(('127.0.0.1', 9))",
    "look up": "socket.getaddrinfo('localhost', 9)",
    "start": "subprocess.run(['true'])",
    "fork": "os.fork()",
    "shell": "os.system('true')",
}


def test_nothing_but_the_libraries_is_opened(tmp_path: Path) -> None:
    """Once the libraries are there, the process can read their files and do nothing else to the machine."""
    (tmp_path / "link").symlink_to("/etc/hostname")
    code = (
        "import importlib.util, json, os, socket, subprocess, sys, sysconfig\n"
        f"spec = importlib.util.spec_from_file_location('script', {base_script.__file__!r})\n"
        "script = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(script)\n"
        f"own, link, done = sysconfig.get_paths()['stdlib'], {str(tmp_path / 'link')!r}, []\n"
        "script.forbid()\n"
        "open(json.__file__).close()\n"
        f"for name, attempt in {ATTEMPTS!r}.items():\n"
        "    try: done.append((name, exec(attempt)))\n"
        "    except PermissionError as error: assert 'the configuration asks for' in str(error), error\n"
        "print(done)\n"
    )
    ran = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)

    assert (ran.stdout.strip(), ran.returncode) == ("[]", 0), ran.stderr
