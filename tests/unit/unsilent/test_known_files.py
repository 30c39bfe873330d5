"""Settings are read from the files of a submission that its code names, and from no others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import snippets

from unsilent import known_files
from unsilent.symbols import calls_in

JSON = json.dumps({"rank": 8, "lora": {"alpha": [1, "x"], "on": True}, "text": "a"})
TOML = "rank = 8\n[lora]\nalpha = 16\n"
HERE = "from pathlib import Path\nimport json, os, tomllib\nHERE = Path(__file__).resolve().parent\n"

CASES = {
    "beside the module": "json.load(open(HERE / 'settings.json'))",
    "joined": "json.load(open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'settings.json')))",
    "from where the code is run": "json.load(open('settings.json'))",
    "read as text": "json.loads(HERE.joinpath('settings.json').read_text())",
    "another suffix": "json.loads((HERE / 'settings').with_suffix('.json').read_bytes())",
    "another name": "json.loads(Path(__file__).with_name('settings.json').open().read())",
    "from further up": "json.load(open((HERE / 'a' / 'b.py').parents[1] / 'settings.json'))",
    "a text": "json.load(open(f'{HERE}/settings.json'))",
    "what is opened": "json.load((HERE / 'settings.json').open())",
}


def read(folder: Path, expression: str, ask: str) -> list[str]:
    """What code that reads settings finds in them."""
    return snippets.told(snippets.value_of(folder, f"{HERE}def load():\n    s = {expression}\n    return {ask}\n"))


@pytest.mark.parametrize("expression", CASES.values(), ids=CASES)
def test_file_is_found(tmp_path: Path, expression: str) -> None:
    """However the code writes its path."""
    (tmp_path / "settings.json").write_text(JSON)

    assert read(tmp_path, expression, "s['rank']") == ["8"]


def test_entries_are_known(tmp_path: Path) -> None:
    """Those inside others too, and where they are asked for with a default, gone through, or passed on."""
    (tmp_path / "settings.json").write_text(JSON)
    ask = "[s['lora']['alpha'], s.get('text', 'b'), s.get('none', 1), dict(**s)['rank'], [k for k, v in s.items()]]"
    (said,) = read(tmp_path, CASES["beside the module"], ask)

    assert said == "[[1, 'x'], 'a', 1, 8, ['rank', 'lora', 'text']]"


def test_other_formats(tmp_path: Path) -> None:
    """TOML, and YAML where something that reads it is installed."""
    (tmp_path / "settings.toml").write_text(TOML)
    (tmp_path / "settings.yaml").write_text("rank: 8\n")

    assert read(tmp_path, "tomllib.load(open(HERE / 'settings.toml', 'rb'))", "s['lora']['alpha']") == ["16"]
    pytest.importorskip("yaml")
    assert read(tmp_path, "__import__('yaml').safe_load(open('settings.yaml'))", "s['rank']") == ["8"]


def test_line_is_that_of_the_file(tmp_path: Path) -> None:
    """A reviewer is led to where the setting is written."""
    (tmp_path / "settings.toml").write_text(TOML)
    code = f"{HERE}def load():\n    return tomllib.load(open('settings.toml', 'rb'))['lora']\n"
    (choice,) = snippets.value_of(tmp_path, code)

    assert choice.site == ("settings.toml", 2)


@pytest.mark.parametrize(
    "expression",
    [
        "json.load(open('nothing.json'))",
        "json.load(open('../settings.json'))",
        "json.load(open('/etc/passwd'))",
        "json.load(open(ask()))",
        "json.load(open(HERE / ask()))",
        "json.load(open(f'{ask()}/settings.json'))",
        "json.load(open(HERE.elsewhere / 'settings.json'))",
        "json.load(open(HERE.parents[ask()] / 'settings.json'))",
        "json.load(open(ask().with_suffix('.json')))",
        "json.load(open(os.path.dirname(ask())))",
        "json.load(open(3))",
        "json.load()",
        "json.load(open('linked.json'))",
        "json.load(open('large.json'))",
        "json.load(open('binary.json'))",
        "json.load(open('broken.json'))",
        "json.load(open('list.json'))",
        "json.load(open('a\\0b.json'))",
        "json.load(open(os.sep))",
    ],
)
def test_other_files_stay_foreign(tmp_path: Path, expression: str) -> None:
    """What is not there, lies elsewhere, is linked, large, no text, broken, or no settings."""
    folder = tmp_path / "submission"
    folder.mkdir()
    for place in (tmp_path / "settings.json", folder / "settings.json"):
        place.write_text(JSON)
    (folder / "linked.json").symlink_to(tmp_path / "settings.json")
    (folder / "large.json").write_text(JSON + " " * known_files.LARGEST_SETTINGS)
    (folder / "binary.json").write_bytes(b"\xff\xfe")
    (folder / "broken.json").write_text("{")
    (folder / "list.json").write_text("[1]")

    assert read(folder, expression, "[s, s['rank']]") == ["[json.load(), Part rank]"]


def test_bomb_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of very many entries the first are read."""
    monkeypatch.setattr(known_files, "MOST_ENTRIES", 3)
    (tmp_path / "settings.json").write_text(json.dumps({f"k{number}": number for number in range(9)}))

    assert read(tmp_path, CASES["beside the module"], "[s['k0'], s['k8']]") == ["[0, None]"]


def test_data_set_is_no_settings(tmp_path: Path) -> None:
    """A file whose keys are sentences stays what was read from a file, at any depth."""
    (tmp_path / "settings.json").write_text(json.dumps({"answers": {"How many g is 2 kg?": 2000}}))

    assert read(tmp_path, CASES["beside the module"], "s") == ["json.load()"]


def test_origin_is_kept(tmp_path: Path) -> None:
    """Whoever asks where an entry came from that nobody can name is told of the file, through copies and merges."""
    (tmp_path / "settings.json").write_text(JSON)
    code = f"{HERE}def load():\n    return {{'a': 1, **json.load(open('settings.json'))}}[os.getenv('A')]\n"

    assert "json.load" in {call.name for call in calls_in(snippets.value_of(tmp_path, code))}


def test_text_in_the_code(tmp_path: Path) -> None:
    """What a text in the code spells is known as well."""
    assert read(tmp_path, "json.loads('{\"a\": [1]}')", "s['a']") == ["[1]"]
    assert read(tmp_path, "json.loads('{')", "s") == ["json.loads()"]
    assert read(tmp_path, "json.loads(3)", "s") == ["json.loads()"]


def test_sections(tmp_path: Path) -> None:
    """An ini file has sections of texts; one that is broken, or read by something else, is not followed."""
    (tmp_path / "s.ini").write_text("[lora]\nrank = 8\n")
    (tmp_path / "broken.ini").write_text("rank")
    code = (
        "import configparser\ndef load():\n    c = configparser.ConfigParser()\n    c.read({})\n"
        "    return [c['lora']['rank'], c.get('lora', 'rank'), c.getint('lora', 'rank'), c.getint('no', 'rank')]\n"
    )

    (told,) = snippets.told(snippets.value_of(tmp_path, code.format("'s.ini'")))
    assert told == "['8', '8', 8.0, .getint()]"
    (told,) = snippets.told(snippets.value_of(tmp_path, code.format("'broken.ini'")))
    assert told.startswith("[Part rank")
    assert read(tmp_path, "ask().read('s.ini')", "s") == [".read()"]
