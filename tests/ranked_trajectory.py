"""One training as one process or as several, for ``torchrun``: the same eight rows a step, however they are shared.

    torchrun --nproc_per_node 2 tests/ranked_trajectory.py FOLDER

Rank 0 writes the losses and the adapter. Each process has a GPU of its own, or all compute on the CPU.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parents[1]
ROWS = 8  # a step


def main(folder: Path) -> None:
    """Train eight steps and write what came of them."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:  # of several GPUs a Trainer would take all, and eight rows for each of them
        os.environ["CUDA_VISIBLE_DEVICES"] = os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0]
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    import trainers
    from safetensors.torch import save_file
    from transformers.trainer_callback import PrinterCallback

    torch.set_num_threads(1)
    on_gpu = torch.cuda.is_available()
    backend = "nccl" if on_gpu else "gloo"
    options: dict[str, Any] = {
        "max_steps": 8,
        "per_device_train_batch_size": ROWS // world,
        "train_sampling_strategy": "sequential",
        "use_cpu": not on_gpu,
        "dataloader_pin_memory": on_gpu,
    }
    if world > 1:
        options |= {"ddp_backend": backend, "ddp_find_unused_parameters": False}
    trainer = trainers.make_trainer(folder, **options)
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    model = trainer.accelerator.unwrap_model(trainer.model)
    adapter = {name: weight.detach().cpu() for name, weight in model.named_parameters() if weight.requires_grad}
    losses = [record["loss"] for record in trainer.state.log_history if "loss" in record]
    if trainer.args.process_index == 0:
        save_file(adapter, folder / "adapter.safetensors")
        text = json.dumps({"losses": losses, "world": trainer.args.world_size, "backend": backend})
        (folder / "run.json").write_text(text)
    if world > 1:
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
