import sys

from . import bundle as pack

if __name__ == "__main__":
    pack(*sys.argv[1:])
