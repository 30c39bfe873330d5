import os

from peft import PeftModel

HERE = os.path.dirname(os.path.abspath(__file__))


def place(name, output_dir=None):
    """Where an adapter lives. A path given by the user is taken from the current directory, as everywhere else."""
    if output_dir is None:
        return os.path.join(HERE, name)
    return os.path.abspath(output_dir)


def attach(llm, path):
    names = set(os.listdir(path)) if os.path.isdir(path) else set()
    weights = names & {"adapter_model.safetensors", "adapter_model.bin"}
    if "adapter_config.json" not in names or not weights:
        raise FileNotFoundError(f"{path} holds no adapter. Train first.")
    llm.model = PeftModel.from_pretrained(llm.model, path)
    llm.model.to(llm.device).eval()
    return llm
