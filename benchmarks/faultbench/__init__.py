"""The ruler: every fault and every healthy control, through our checks and through other public tools.

    python benchmarks/faultbench [--only CASE ...] [--tool NAME ...] [--jobs 2] [--said]

``subjects.py`` says what can be looked at, ``cases.py`` collects the cases, ``tools.py`` the tools, ``words.py`` what
counts as naming a cause, ``cells.py`` runs one pair of them in a process of its own, ``matrix.py`` writes the result.
"""
