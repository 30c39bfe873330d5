"""`python -m unitwise.rft train|test|load`"""

import sys

from .stages import main

if __name__ == "__main__":
    raise SystemExit(main(["rft", *sys.argv[1:]]))
