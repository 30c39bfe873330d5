"""`python -m unitwise.sft train|test|load`"""

import sys

from .stages import main

if __name__ == "__main__":
    raise SystemExit(main(["sft", *sys.argv[1:]]))
