"""Regular expressions are followed on constants, where they are harmless."""

from __future__ import annotations

from pathlib import Path

import pytest
import snippets

CASES = {
    "references": (
        "import re\nR = re.compile(r'[$]([a-z]+)')\ndef load():\n    return [R.sub(lambda m: {'a': 'q'}[m[1]], '$a x'), R.sub('q', '$a'), R.sub('q', 'a'), R.sub(ask(), '$a')]\n",
        "['q x', 'q', 'a', .sub()]",
    ),
    "unknown": (
        "import re\ndef load():\n    return [re.sub(ask(), 'b', 'c'), re.sub('a', 'b', ask()), re.sub('a', 'b'), re.sub('a', '\\\\g<0>', 'a'), re.search(), re.search('a', 'b', 0)]\n",
        "[re.sub(), re.sub(), re.sub(), re.sub(), re.search(), re.search()]",
    ),
    "matches": (
        "import re\ndef load():\n    m = re.match('(?P<n>[0-9]+)( |$)', '12')\n    return [m['n'], m.group(), m.group(1, 2), m.groups(), re.fullmatch('a', 'b'), re.search('A', 'ba', flags=re.I)[0]]\n",
        "['12', '12', ['12', ''], ['12', ''], None, 'a']",
    ),
    "findall": (
        "import re\ndef load():\n    return [re.findall('[0-9]', '1 2'), re.findall('(a)(b)', 'ab'), re.findall(ask(), 'a')]\n",
        "[['1', '2'], re.findall(), re.findall()]",
    ),
    "harmful": (
        "import re\ndef load():\n    return [re.search('(a+)+b', 'a'), re.search('a*a*a*a*', 'a'), re.search('(', 'a'), re.search('a', 'a', flags=re.NONSENSE), re.search('a', 'a' * 999)]\n",
        "[re.search(), re.search(), re.search(), re.search(), re.search()]",
    ),
    "many ways": (
        "import re\ndef load():\n    return [re.search('a?' * 27, 'a'), re.search('(ab|ab)' * 27, 'ab'), re.search('a*' * 3 + 'b?' * 3, 'a'), re.search('-?[0-9]+[.]?[0-9]*', 'a 1.5')[0]]\n",
        "[re.search(), re.search(), re.search(), '1.5']",
    ),
    "groups of something else": (
        "[ask().group(1), ask().groups(), {'a': 1}.group(), {'a': 1}.groups()]",
        "[.group(), .groups(), .group(), .groups()]",
    ),
}


@pytest.mark.parametrize(("code", "expected"), CASES.values(), ids=CASES)
def test_value(tmp_path: Path, code: str, expected: str) -> None:
    """What is found, what is put for it, and what stays a foreign call."""
    assert " | ".join(snippets.told(snippets.value_of(tmp_path, code))) == expected
