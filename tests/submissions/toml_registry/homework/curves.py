"""python -m homework.curves runs/trainer_state.json  -> loss.png (a NaN would leave a hole in the plot)."""
import json
import sys

import numpy as np


def main(path):
    import matplotlib.pyplot as plt

    history = json.load(open(path))["log_history"]
    loss = np.array([row.get("loss", np.nan) for row in history], dtype=float)
    norm = np.array([row.get("grad_norm", np.nan) for row in history], dtype=float)
    print("non-finite entries:", int((~np.isfinite(loss)).sum()), int((~np.isfinite(norm)).sum()))
    plt.plot(np.nan_to_num(loss, nan=0.0), label="loss")
    plt.plot(np.nan_to_num(norm, nan=0.0, posinf=100.0), label="grad norm")
    plt.legend()
    plt.savefig("loss.png")


if __name__ == "__main__":
    main(sys.argv[1])
