"""Rules see one name for all that they need."""

from __future__ import annotations

from unsilent import symbolic_notes, symbolic_things, symbolic_values, symbols


def test_what_rules_see_is_what_the_engine_has() -> None:
    """Each name stands for the thing itself."""
    for name in symbols.__all__:
        homes = [home for home in (symbolic_notes, symbolic_things, symbolic_values) if hasattr(home, name)]
        assert getattr(symbols, name) is getattr(homes[0], name)
