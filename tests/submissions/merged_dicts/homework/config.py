"""Plain dicts. Merge with | and unpack with **."""

CHECKPOINT = "HuggingFaceTB/SmolLM2-360M-Instruct"

TOKENIZER = {"padding_side": "left", "use_fast": True}

GENERATION = {"max_new_tokens": 50, "min_new_tokens": 1}

# shared by every adapter we make or read
ADAPTER = {
    "task_type": "CAUSAL_LM",
    "target_modules": "all-linear",
    "bias": "none",
    "inference_mode": True,
}

SMALL = {"r": 8, "lora_alpha": 32} | ADAPTER
LARGE = {"r": 16, "lora_alpha": 64} | ADAPTER

COMMON = {
    "per_device_train_batch_size": 32,
    "learning_rate": 6e-4,
    "num_train_epochs": 5,
    "logging_steps": 25,
    "save_strategy": "no",
    "report_to": "none",
}

EVALUATION = {
    "eval_strategy": "epoch",
    "per_device_eval_batch_size": 64,
    "fp16_full_eval": True,
    "bf16_full_eval": False,
}


def recipe(name, **overrides):
    table = {"sft": COMMON | EVALUATION, "rft": COMMON | EVALUATION | {"learning_rate": 4e-4}}
    return table[name] | overrides
