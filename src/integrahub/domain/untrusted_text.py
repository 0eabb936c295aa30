"""Escaping of clients' text for terminals, logs and spreadsheets."""

import re

# C0, DEL and C1; bidirectional marks; line separators; lone surrogates.
_UNSAFE_BEYOND_C0 = "\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_UNSAFE = f"\x00-\x1f{_UNSAFE_BEYOND_C0}"
_CONTROL = re.compile(f"[{_UNSAFE}]")
_CONTROL_IN_LINE = re.compile(f"(?![\n\t])[{_UNSAFE}]")
_CONTROL_IN_JSON = re.compile(f"(?![\n\r\t])[{_UNSAFE}]")
_NAMES = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
# The start of a cell for every separator that spreadsheets split at; some locales accept full-width signs.
_FORMULA = re.compile(r'((?:^|[;,\t])[\s"]*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])')
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?")
# As _CONTROL_IN_LINE, without a lookahead at each character.
_ANY_CONTROL_IN_LINE = re.compile(f"[\x00-\x08\x0b-\x1f{_UNSAFE_BEYOND_C0}]")


def _escape(match: "re.Match[str]") -> str:
    character = match[0]
    number = ord(character)
    return _NAMES.get(character) or (f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}")


def escape_controls(text: str) -> str:
    """Escape control characters and direction marks by code point; the result is one harmless line."""
    return _CONTROL.sub(_escape, text)


def escape_controls_in_lines(text: str) -> str:
    """Escape control characters except line ends and tabs, for tracebacks and other text of several lines."""
    if not _ANY_CONTROL_IN_LINE.search(text):
        return text
    return _CONTROL_IN_LINE.sub(_escape, text)


def escape_controls_in_json(document: str) -> str:
    """Escape control characters of a JSON document by code point, which leaves its meaning unchanged."""
    return _CONTROL_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", document)


def neutralize_formulas(text: str) -> str:
    """Insert an apostrophe before text that a spreadsheet may read as a formula; plain numbers stay unchanged."""
    return escape_controls(text if _NUMBER.fullmatch(text) else _FORMULA.sub(r"\1'", text))


def escape_like(text: str) -> str:
    """Return a text whose characters mean themselves in a pattern."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def match_part(text: str) -> str:
    """Return the pattern of texts that contain this one."""
    return f"%{escape_like(text)}%"


def match_end(text: str) -> str:
    """Return the pattern of texts that end with this one."""
    return f"%{escape_like(text)}"
