import argparse
from pathlib import Path

from .tasks import AdapterTask


def main(task: AdapterTask) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["train", "test", "load"])
    parser.add_argument("--output_dir", "--output-dir", "--ckpt_path", "--ckpt-path", type=Path, default=task.path)
    parser.add_argument("--lr", type=float, default=7e-4)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--fp16", action="store_true", help="mixed precision with a loss scale (CUDA only)")
    ns = parser.parse_args()
    if ns.command == "train":
        task.train(ns.output_dir, lr=ns.lr, epochs=ns.epochs, fp16=ns.fp16)
    if ns.command in ("train", "test"):
        task.test(ns.output_dir)
    else:
        print(sum(p.numel() for p in task.load(ns.output_dir).model.parameters()), "parameters")
