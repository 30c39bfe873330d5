import sys

from .client import load_sft as load  # noqa: F401
from .learn import cli

if __name__ == "__main__":
    cli("sft", sys.argv[1:])
