"""Factors to the base unit of each family; datagen compares the model's first line with them."""

FAMILIES = {
    "time": {"s": 1.0, "second": 1.0, "min": 60.0, "minute": 60.0, "h": 3600.0, "hour": 3600.0, "day": 86400.0,
             "week": 604800.0, "year": 365.242198781 * 86400, "decade": 3652.42198781 * 86400},
    "length": {"mm": 0.001, "cm": 0.01, "m": 1.0, "meter": 1.0, "km": 1000.0, "in": 0.0254, "ft": 0.3048,
               "yd": 0.9144, "mi": 1609.344, "mile": 1609.344},
    "mass": {"g": 1.0, "gram": 1.0, "kg": 1000.0, "pound": 453.59237, "ton": 1e6, "tonne": 1e6},
    "data": {"bit": 0.125, "B": 1.0, "byte": 1.0, "KB": 1e3, "kB": 1e3, "MB": 1e6, "M": 1e6, "GB": 1e9, "G": 1e9},
}


def singular(unit: str) -> str:
    if unit in ("centuries", "inches", "feet"):
        return {"centuries": "century", "inches": "in", "feet": "ft"}[unit]
    return unit[:-1] if len(unit) > 2 and unit.endswith("s") else unit


def convert(number: float, source: str, target: str) -> float | None:
    source, target = singular(source), singular(target)
    for factors in FAMILIES.values():
        if source in factors and target in factors:
            return number * factors[source] / factors[target]
    return None
