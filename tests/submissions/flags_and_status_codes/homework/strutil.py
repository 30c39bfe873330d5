# strutil.py - strings in, numbers out.

import math

from .defs import F_STRIP, F_TAG, UNITS


def mkprompt(q, flags):
    p = q
    if flags & F_STRIP:
        p = p.strip()
    if flags & F_TAG:
        p = p + " <answer>"
    return p


def scan_value(s):
    """value between the tags; the opening one may be missing. NaN: no value."""
    end = s.find("</answer>")
    if end < 0:
        return math.nan
    beg = s.rfind("<answer>", 0, end)
    beg = 0 if beg < 0 else beg + len("<answer>")
    try:
        return float(s[beg:end])
    except ValueError:
        return math.nan


def unit_index(w):
    for i in range(len(UNITS)):
        if UNITS[i][0] == w:
            return i
    return -1


def tokens(q):
    out = []
    for w in q.replace("?", " ").replace(",", " ").replace(":", " ").split():
        out.append(w[:-1] if w.endswith(".") else w)
    return out


def magnitude(q):
    """expected size of an answer, 0.0: unknown. "How many b is n a?" names b first, the other forms last."""
    n = 0.0
    u = [-1, -1]
    k = 0
    for w in tokens(q):
        if w.isdigit():
            n = float(w)
            continue
        i = unit_index(w)
        if i >= 0 and k < 2:
            u[k] = i
            k += 1
    if k < 2 or UNITS[u[0]][1] != UNITS[u[1]][1]:
        return 0.0
    a, b = (u[1], u[0]) if q.startswith("How many") else (u[0], u[1])
    return n * UNITS[a][2] / UNITS[b][2]


def settle(x, m):
    """x if it is near its expected size m, else m."""
    if m == 0.0:
        return x
    if x != x or abs(x - m) > 0.04 * m:
        return m
    return x
