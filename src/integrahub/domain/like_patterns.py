"""Patterns of SQL's LIKE, in which the text of a person stands for itself."""


def escape_like(text: str) -> str:
    """Return a text whose characters mean themselves in a pattern."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def match_part(text: str) -> str:
    """Return the pattern of texts that contain this one."""
    return f"%{escape_like(text)}%"


def match_end(text: str) -> str:
    """Return the pattern of texts that end with this one."""
    return f"%{escape_like(text)}"
