# bundle.py - tar for the poor.

import os
import sys
import zipfile

from .defs import E_USAGE, OK

JUNK = ("__pycache__", "checkpoint-", "runs", "old", "tmp", "grader")


def is_junk(path):
    for j in JUNK:
        if path.find(j) >= 0:
            return 1
    return 0


def walk(d, v):
    for e in sorted(os.listdir(d)):
        p = d + os.sep + e
        if is_junk(p):
            continue
        if os.path.isdir(p):
            walk(p, v)
        else:
            v.append(p)


def main(argc, argv):
    if argc != 3:
        return E_USAGE
    top = os.path.realpath(argv[1])
    skip = len(os.path.dirname(top)) + 1
    v = []
    walk(top, v)
    z = zipfile.ZipFile(argv[2] + ".zip", "w", zipfile.ZIP_DEFLATED)
    for p in v:
        z.write(p, p[skip:])
    z.close()
    return OK


if __name__ == "__main__":
    sys.exit(main(len(sys.argv), sys.argv))
