import sys

from .client import load_rft as load  # noqa: F401
from .learn import cli

if __name__ == "__main__":
    cli("rft", sys.argv[1:])
