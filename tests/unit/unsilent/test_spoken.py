"""Sequences are put together from passes: with a cache, without one, rearranged, rejected, copied."""

from __future__ import annotations

import math

from unsilent.spoken import Pass, Transcript, squeezed

END = 0


def texts_of(transcript: Transcript) -> list[tuple[str, str]]:
    """Prompt and text of each sequence, one letter a token."""

    def decode(ids: list[int]) -> str:
        return "".join(chr(token) for token in ids if token != END)

    return [(one.prompt, one.text) for one in transcript.spoken(decode, {END})]


def ids(*rows: str) -> list[list[int]]:
    """One token a letter; a dot is the end of a row."""
    return [[END if letter == "." else ord(letter) for letter in row] for row in rows]


def tokens(row: str) -> list[int]:
    """As a row."""
    return ids(row)[0]


def fed(*passes: Pass) -> Transcript:
    """A transcript of passes."""
    transcript = Transcript()
    for one in passes:
        transcript.add(one)
    return transcript


def test_cached_rows_grow_by_one_token() -> None:
    """Two rows; the second ends early and is filled up; the last token is the most likely one."""
    transcript = fed(
        Pass(ids("..ab", "abcd"), tokens("xy"), 0, 1, 4),
        Pass(ids("x", "y"), tokens("u."), 4, 1, 1),
        Pass(ids("u", "."), tokens("vw"), 5, 1, 1),
    )
    first, second = transcript.spoken(lambda row: "".join(map(chr, filter(None, row))), {END})

    assert (first.prompt, first.text, first.fed, first.tokens, first.certain) == ("ab", "xuv", "xu", 3, False)
    assert (second.prompt, second.text, second.tokens, second.certain) == ("abcd", "y", 1, True)
    assert (first.own, second.own) == (1.0, 1.0)


def test_share_of_own_tokens_shows_who_chose_them() -> None:
    """Tokens that somebody else put in are not the most likely ones."""
    transcript = fed(
        Pass(ids("ab"), tokens("x"), 0, 1, 2), Pass(ids("y"), tokens("z"), 2, 1, 1), Pass(ids("z"), None, 3, 1)
    )
    (one,) = transcript.spoken(str, {END})

    assert one.own == 0.5
    assert not one.certain


def test_rows_without_a_cache_come_whole() -> None:
    """Each pass is the last one and a token; another prompt begins another group."""
    transcript = fed(
        Pass(ids("ab", "cd"), tokens("xy"), 0, None, 2),
        Pass(ids("abx", "cdy"), tokens("uv"), 0, None, 3),
        Pass(ids("abq", "cdy"), tokens("uv"), 0, None, 3),
    )

    assert texts_of(transcript) == [("ab", "xu"), ("cd", "yv"), ("abq", "u"), ("cdy", "v")]


def test_rows_without_a_cache_may_change_places() -> None:
    """As beams do: what was given up is kept."""
    transcript = fed(Pass(ids("ab", "cd"), tokens("xy"), 0), Pass(ids("cdx", "cdy"), tokens("uv"), 0))

    assert texts_of(transcript) == [("cd", "xu"), ("cd", "yv"), ("ab", ""), ("cd", "")]


def test_loops_that_take_turns_are_told_apart() -> None:
    """Two programs share a model."""
    transcript = fed(
        Pass(ids("ab"), tokens("x"), 0, 1), Pass(ids("pqr"), tokens("y"), 0, 2),
        Pass(ids("x"), tokens("u"), 2, 1), Pass(ids("y"), tokens("v"), 3, 2),
    )  # fmt: skip

    assert texts_of(transcript) == [("ab", "xu"), ("pqr", "yv")]


def test_rejected_tokens_are_overwritten() -> None:
    """An assistant's candidates: the first pass holds two, of which one stays."""
    transcript = fed(
        Pass(ids("abcxy"), tokens("q"), 0, 1, 5, kept=3),
        Pass(ids("zuw"), tokens("v"), 4, 1, 3, kept=3),
        Pass(ids("v"), tokens("."), 7, 1, 1),
    )

    assert texts_of(transcript) == [("abc", "xzuwv")]


def test_prompt_may_come_in_pieces() -> None:
    """Nothing is generated until a piece has one token, or begins as the model would have gone on."""
    pieces = [Pass(ids("ab"), tokens("q"), 0, 1, 2), Pass(ids("cd"), tokens("x"), 2, 1, 2)]

    assert texts_of(fed(*pieces, Pass(ids("x"), tokens("y"), 4, 1, 1))) == [("abcd", "xy")]
    assert texts_of(fed(*pieces, Pass(ids("xu"), tokens("y"), 4, 1, 2))) == [("abcd", "xuy")]


def test_embeddings_without_tokens_leave_the_prompt_empty() -> None:
    """What is generated afterwards is known all the same, also when more embeddings come."""
    transcript = fed(
        Pass(None, tokens("xy"), 0, 1, 5), Pass(ids("x", "y"), tokens("uv"), 5, 1, 1), Pass(None, [1], 6, 1, 1),
        Pass(None, None, 0, 2, 5),
    )  # fmt: skip

    assert texts_of(transcript) == [("", "x"), ("", "y"), ("", "")]


def test_virtual_tokens_stand_before_the_prompt() -> None:
    """Prompt tuning: more positions than tokens."""
    transcript = fed(Pass(ids("ab"), tokens("x"), 0, 1, 7), Pass(ids("x"), tokens("y"), 7, 1, 1))

    assert texts_of(transcript) == [("ab", "xy")]


def test_model_that_says_nothing_of_its_cache_is_followed_by_size() -> None:
    """One token for each row goes on; another number of rows begins anew."""
    transcript = fed(Pass(ids("ab"), tokens("x")), Pass(ids("x"), tokens("y")), Pass(ids("p", "q"), tokens("yy")))

    assert texts_of(transcript) == [("ab", "xy"), ("p", "y"), ("q", "y")]
    assert texts_of(fed(Pass(ids("a"), tokens("x")))) == [("a", "x")]


def test_caches_that_are_tuples_are_known_by_their_length() -> None:
    """They are new objects in every pass."""
    transcript = fed(Pass(ids("ab"), tokens("x"), 0), Pass(ids("x"), tokens("y"), 2), Pass(ids("y"), tokens("z"), 3))

    assert texts_of(transcript) == [("ab", "xyz")]


def test_copied_cache_goes_on_from_what_filled_it() -> None:
    """A prefix that several prompts share, filled once; one that was filled before is not known."""
    transcript = fed(
        Pass(ids("ab"), tokens("x"), 0, 1), Pass(ids("p", "q"), tokens("uv"), 2, 2),
        Pass(ids("r"), tokens("w"), 2, 3), Pass(ids("t"), tokens("w"), 9, 4),
    )  # fmt: skip
    other = fed(Pass(ids("a", "b", "c"), None, 0, 1), Pass(ids("p", "q"), tokens("uv"), 1, 2))

    assert texts_of(transcript) == [("ab", "x"), ("ab", "pu"), ("ab", "qv"), ("ab", "rw"), ("t", "w")]
    assert texts_of(other)[3:] == [("p", "u"), ("q", "v")]
    assert texts_of(fed(Pass(ids("ab"), [1], 0, None), Pass(ids("p", "q"), tokens("uv"), 2)))[1:] == [
        ("p", "u"), ("q", "v"),
    ]  # fmt: skip


def test_rearranged_cache_rearranges_rows() -> None:
    """Beams change places, are selected and repeated; an unknown cache, and unknown rows, are nobody's."""
    transcript = fed(Pass(ids("ab", "cd"), tokens("xy"), 0, 1), Pass(ids("x", "y"), None, 2, 1))
    transcript.take(1, [1, 1, 7])
    transcript.take(2, [0])
    transcript.add(Pass(ids("u", "v"), tokens(".."), 3, 1))
    transcript.take(1, None, 2)
    said = texts_of(transcript)

    assert said[:4] == [("cd", "yu"), ("cd", "yu"), ("cd", "yv"), ("cd", "yv")]
    assert ("ab", "x") in said[4:]


def test_encoder_holds_the_prompt() -> None:
    """Rows that were repeated for several samples have the source of their question."""
    transcript = fed(
        Pass(ids("s", "s", "s", "s"), tokens("xyuv"), 0, 1, 1, source=ids("ab", "cd")),
        Pass(ids("x", "y", "u", "v"), tokens("...."), 1, 1, 1),
    )
    transcript.take(1, [0, 1, 2, 3])

    assert texts_of(transcript)[4:] == [("ab", "x"), ("ab", "y"), ("cd", "u"), ("cd", "v")]
    assert texts_of(transcript)[:4] == [("ab", "x"), ("ab", "y"), ("cd", "u"), ("cd", "v")]


def test_nothing_generated_is_nobodys_token() -> None:
    """A pass whose logits nobody computed."""
    (one,) = fed(Pass(ids("ab"), None, 0, 1)).spoken(str, set())

    assert (one.tokens, one.certain) == (0, False)
    assert math.isnan(one.own)


def test_white_space_and_case_are_nothing() -> None:
    """Templates wrap, tokenizers normalise."""
    assert squeezed("How many\n CM in 3\u00a0m?") == "howmanycmin3m?"
