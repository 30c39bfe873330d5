"""What chat templates and broken decoding leave behind in a text, told from text that is about them.

A marker that nobody writes by himself (``<|im_start|>``, ``[INST]``) is debris anywhere, and cut in two as well. One
that is also HTML, code, a physicist's bracket or a word counts where templates leave it and people do not: ``[CLS]`` at
the head, ``[SEP]`` at a word or twice, ``<s>`` without its partner, the name of a role alone on the first line. Quoted
code is searched for the first kind only.

A matter of taste, and debris here: two speakers at the heads of lines, headings such as ``### Response:``, and a second
``Question:`` at the head of a line, where a model went on with its worked examples.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

# Names that only templates have; bars are ASCII, or U+FF5C with U+2581 for spaces as DeepSeek has them.
_STRONG = (
    r"(?:im_(?:start|end|sep)|end_?of_?text|startoftext|begin_of_text|eo[tm]_id|(?:start|end)_header_id|python_tag"
    r"|(?:begin|end)[\u2581_]of[\u2581_]\w{2,20}|reserved_special_token_\d{1,4}|fim_(?:prefix|middle|suffix))"
)
# <|x|>, <|psi|>, <|v_max|> are somebody's brackets: other names count if a template is known to have them.
_WEAK = (
    r"(?:system|user|assistant|human|model|tools?|end|eot|eom|eos|bos|pad|unk|sep|cls|mask|call|return|channel|message"
    r"|start|constrain|observation|think|im|prompter|endofprompt|ipython|file_sep|placeholder\d{1,3})"
)
_MARKER = re.compile(
    rf"<[|\uff5c]\s?(?:{_STRONG}|{_WEAK})\s?[|\uff5c]>|<\uff5c[^\uff5c<>\n]{{1,40}}\uff5c>"
    rf"|[|\uff5c]{_STRONG}(?!\w)|(?<!\w){_STRONG}[|\uff5c]"
    r"|<</?SYS>>|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS)\]|<(?:start_of_turn|end_of_turn|bos|eos)>",
    re.IGNORECASE,
)
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
_STRUCK_OUT = re.compile(r"(?<!</s>)<s>[^<>\n]{1,80}</s>(?!<s>)")  # HTML
_IN_CODE_TOO = re.compile(
    r"</s>|(?<!\w)<s>|<(?:pad|unk)>|\[(?:PAD|UNK)\]"
    r"|\A\s*\[CLS\]|(?<=\w)\[(?:CLS|SEP)\]|\[(CLS|SEP)\]\s?\[\1\]"
)
_ROLE = r"(?:system|user|assistant|human|model|tool)"
_FIRST_LINE = re.compile(rf"\A\s*{_ROLE}[ \t]*\r?(?:\n|\Z)")
# Further down "model", "human" or "tool" alone on its line may be a word; as templates write it, it is not indented.
_ROLE_LINE = re.compile(
    r"^ ?(?:(?:user|assistant)|(?:User|USER|Human|HUMAN|Assistant|ASSISTANT):"
    r"|#{2,} ?(?:Instruction|Input|Response|Human|Assistant|User):)[ \t]*\r?$",
    re.MULTILINE,
)
_SPEAKER = re.compile(r"^[ \t]*(User|Human|Assistant)[ \t]*:", re.MULTILINE | re.IGNORECASE)
_QUESTION = re.compile(r"^[ \t]*Question[ \t]*:", re.MULTILINE)
_TAGS = ("assistant", "user", "system", "human")  # </assistant> without its <assistant>
_THINKING = re.compile(r"<(/?)think(?:ing)?>")

WHITESPACE = "\n\r\t\x0b\x0c\x85"  # of the control characters
# Characters that nobody sees. Between letters of some scripts, and in emoji, joiners have a meaning; Thai has spaces of
# no width; a bidirectional embedding has one in a text with letters from right to left, an override nowhere.
_JOINERS = re.compile(r"([^\u200b-\u200d\u2060\ufeff]?)[\u200b-\u200d\u2060\ufeff]+([^\u200b-\u200d\u2060\ufeff]?)")
_OVERRIDES = "\u202d\u202e"
_EMBEDDINGS = "\u202a\u202b\u202c\u2066\u2067\u2068\u2069"


def has_debris(text: str, special_tokens: Collection[str] = ()) -> bool:
    """Whether something of a chat is left in a text.

    Args:
        text: Without code that quotes it, if it does.
        special_tokens: A tokenizer's, which are debris wherever they stand.
    """
    if _MARKER.search(text) or any(token in text for token in special_tokens if token.strip()):
        return True
    plain = _CODE.sub(" ", text)
    if _IN_CODE_TOO.search(_STRUCK_OUT.sub(" ", plain)) or _FIRST_LINE.search(plain) or _ROLE_LINE.search(plain):
        return True
    speakers = {speaker.lower() for speaker in _SPEAKER.findall(plain)}
    if len(speakers) > 1 or len(_QUESTION.findall(plain)) > 1:
        return True
    return any(plain.count(f"</{tag}>") > plain.count(f"<{tag}>") for tag in _TAGS) or _thinks_aloud(plain)


def _thinks_aloud(text: str) -> bool:
    """Thinking that does not end, or ends without having begun; templates may have begun it in the prompt."""
    tags = [match[1] for match in _THINKING.finditer(text)]
    if tags == ["/"]:
        return not text.partition("</think")[0].strip()
    return tags != ["", "/"] * (len(tags) // 2)


def has_bad_characters(text: str) -> bool:
    """Whether a text holds controls, half a surrogate pair, private use, or what hides from the eye."""
    unseen = {one for one in text if not one.isprintable()} - set(WHITESPACE)
    if any(one in _OVERRIDES or unicodedata.category(one) in {"Cc", "Cs", "Co"} for one in unseen):
        return True
    joined = _JOINERS.finditer(text.removeprefix("\ufeff"))  # a byte order mark
    if any((match[1] + match[2]).isascii() for match in joined):
        return True
    return not unseen.isdisjoint(_EMBEDDINGS) and not any(unicodedata.bidirectional(one) in {"R", "AL"} for one in text)
