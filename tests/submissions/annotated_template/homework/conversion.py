"""Extra *training* questions. Only train_model(augment=...) uses this; nothing at inference imports it."""
import random

FACTORS = {("km", "m"): 1000.0, ("hour", "min"): 60.0, ("kg", "g"): 1000.0, ("ft", "in"): 12.0, ("L", "ml"): 1000.0}
ASK = ["How many {b} is {n} {a}?", "Express {n} {a} as a quantity of {b}."]


def convert(n: float, a: str, b: str) -> float:
    return n * FACTORS[a, b]


def extra_rows(count: int, seed: int = 0) -> list:
    rng = random.Random(seed)
    rows = []
    for _ in range(count):
        (a, b), n = rng.choice(list(FACTORS)), rng.randint(1, 10)
        rows.append([rng.choice(ASK).format(a=a, b=b, n=n), convert(n, a, b)])
    return rows
