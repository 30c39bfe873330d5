"""How many tokens a second? fp32 against half on the GPU. Measures time only, scores and saves nothing."""
import time

import torch

from homework import load_sft

if __name__ == "__main__":
    assert torch.cuda.is_available()
    for half in (False, True):
        llm = load_sft()
        if half:
            llm.model.half()
        t = time.perf_counter()
        llm.batched_generate(["How many gram are there per 6 kg?"] * 64)
        print("half" if half else "full", time.perf_counter() - t)
