# defs.py - constants shared by all units of the program.

import os

# exit status
OK = 0
E_USAGE = 2
E_NOADAPTER = 3
E_NOROWS = 4

# prompt flags, or-ed together
F_STRIP = 0x01
F_TAG = 0x02
F_CHAT = 0x04

# stages
ST_BASE, ST_COT, ST_SFT, ST_RFT = range(4)
ST_NAME = ("base", "cot", "sft", "rft")
ST_ROOM = (48, 96, 20, 96)
ST_RANK = (0, 0, 8, 16)
ST_FLAGS = (0, F_CHAT, F_STRIP, F_STRIP)

MAXLEN = 160
IGNORE = -100

CHECKPOINT = "HuggingFaceTB/SmolLM2-360M-Instruct"
PKGDIR = os.path.dirname(os.path.abspath(__file__))
DATADIR = os.path.join(os.path.dirname(PKGDIR), "data")

# conversion to the unit of the family: name, family, factor
UNITS = (
    ("s", 0, 1.0), ("sec", 0, 1.0), ("second", 0, 1.0), ("seconds", 0, 1.0),
    ("min", 0, 60.0), ("minute", 0, 60.0), ("h", 0, 3600.0), ("hour", 0, 3600.0), ("hours", 0, 3600.0),
    ("day", 0, 86400.0), ("days", 0, 86400.0), ("week", 0, 604800.0), ("weeks", 0, 604800.0),
    ("month", 0, 2629743.83), ("months", 0, 2629743.83), ("year", 0, 31556925.97), ("years", 0, 31556925.97),
    ("decade", 0, 315569259.7), ("century", 0, 3155692597.0), ("centuries", 0, 3155692597.0),
    ("mm", 1, 0.001), ("cm", 1, 0.01), ("m", 1, 1.0), ("meter", 1, 1.0), ("km", 1, 1000.0),
    ("in", 1, 0.0254), ("ft", 1, 0.3048), ("yd", 1, 0.9144), ("mi", 1, 1609.344), ("miles", 1, 1609.344),
    ("m/s", 2, 1.0), ("km/h", 2, 0.2777778), ("kmh", 2, 0.2777778), ("mph", 2, 0.44704), ("mi/h", 2, 0.44704),
    ("ft/s", 2, 0.3048), ("in/s", 2, 0.0254),
    ("bit", 3, 0.125), ("B", 3, 1.0), ("byte", 3, 1.0), ("kB", 3, 1e3), ("KB", 3, 1e3), ("MB", 3, 1e6), ("M", 3, 1e6),
    ("GB", 3, 1e9), ("G", 3, 1e9),
    ("g", 4, 1.0), ("gram", 4, 1.0), ("kg", 4, 1000.0), ("pound", 4, 453.592), ("ton", 4, 1e6), ("tonne", 4, 1e6),
    ("L", 5, 1.0), ("l", 5, 1.0), ("liter", 5, 1.0), ("mL", 5, 1e-3), ("ml", 5, 1e-3), ("gallon", 5, 3.785412),
    ("quart", 5, 0.946353), ("pint", 5, 0.473176),
)
