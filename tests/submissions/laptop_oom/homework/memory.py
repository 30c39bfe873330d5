"""My laptop has 6 GB (GTX 1660 Ti), most of this file is there because of that."""

import gc

import torch


def free_memory():
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def report(where: str):
    if not torch.cuda.is_available():
        return
    used = torch.cuda.memory_allocated() / 2**20
    peak = torch.cuda.max_memory_allocated() / 2**20
    print(f"[mem] {where}: {used:.0f} MiB now, {peak:.0f} MiB peak")


def is_oom(error: Exception) -> bool:
    if isinstance(error, torch.cuda.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "out of memory" in str(error).lower()
