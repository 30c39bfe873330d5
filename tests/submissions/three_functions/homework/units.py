import re

# everything in the smallest sensible unit of its group
UNITS = {
    "s": ("t", 1), "sec": ("t", 1), "second": ("t", 1), "min": ("t", 60), "minute": ("t", 60),
    "h": ("t", 3600), "hour": ("t", 3600), "day": ("t", 86400), "week": ("t", 604800),
    "mm": ("l", 0.001), "cm": ("l", 0.01), "m": ("l", 1), "km": ("l", 1000), "in": ("l", 0.0254),
    "ft": ("l", 0.3048), "yd": ("l", 0.9144), "mi": ("l", 1609.344), "mile": ("l", 1609.344),
    "g": ("w", 1), "gram": ("w", 1), "kg": ("w", 1000), "pound": ("w", 453.59237), "ton": ("w", 1e6),
    "bit": ("d", 1), "byte": ("d", 8), "kb": ("d", 8e3), "mb": ("d", 8e6), "gb": ("d", 8e9),
    "ml": ("v", 1), "l": ("v", 1000), "liter": ("v", 1000), "litre": ("v", 1000), "gallon": ("v", 3785.411784),
}


def find(word):
    word = word.lower().strip("?.,")
    return UNITS.get(word) or UNITS.get(word.rstrip("s"))


def convert(question):
    """6 kg, gram -> 6000. nan if the units are not known"""
    number = re.search(r"\d+(\.\d+)?", question)
    known = [w for w in re.findall(r"[A-Za-z]+", question) if find(w)]
    if number is None or len(known) < 2:
        return float("nan")
    after = re.findall(r"[A-Za-z]+", question[number.end():])
    src = after[0] if after and find(after[0]) else known[-1]
    dst = [w for w in known if w != src]
    if not dst or find(dst[0])[0] != find(src)[0]:
        return float("nan")
    return float(number.group(0)) * find(src)[1] / find(dst[0])[1]
