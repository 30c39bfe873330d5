import sys

from . import generate_dataset

if __name__ == "__main__":
    generate_dataset(*sys.argv[1:])
