"""Text that a client wrote, made safe for terminals, logs and spreadsheets."""

import re

# C0, DEL and C1; the marks that turn the direction of text; line separators; halves of surrogate pairs.
_UNSAFE = "\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_CONTROL = re.compile(f"[{_UNSAFE}]")
_CONTROL_IN_LINE = re.compile(f"(?![\n\t])[{_UNSAFE}]")
_CONTROL_IN_JSON = re.compile(f"(?![\n\r\t])[{_UNSAFE}]")
_NAMES = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
# Where a spreadsheet begins a cell, whichever separator it splits at; full-width signs count in some locales.
_FORMULA = re.compile(r'((?:^|[;,\t])[\s"]*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])')
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?")


def _escape(match: "re.Match[str]") -> str:
    character = match[0]
    number = ord(character)
    return _NAMES.get(character) or (f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}")


def escape_controls(text: str) -> str:
    """Write control characters and direction marks out, as `\\x1b`; the text is then one line that commands nothing."""
    return _CONTROL.sub(_escape, text)


def escape_controls_in_lines(text: str) -> str:
    """Escape as `escape_controls` does, but keep line ends and tabs, for tracebacks and messages of several lines."""
    return _CONTROL_IN_LINE.sub(_escape, text)


def escape_controls_in_json(document: str) -> str:
    """Write such characters as `\\u` escapes: the document means the same to every reader of JSON."""
    return _CONTROL_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", document)


def neutralize_formulas(text: str) -> str:
    """Put an apostrophe where a spreadsheet may see a formula begin, at `,`, `;` or tab; keep plain numbers."""
    return escape_controls(text if _NUMBER.fullmatch(text) else _FORMULA.sub(r"\1'", text))
