"""Names and e-mail addresses of people who use the console."""

import unicodedata

MAX_NAME_LENGTH = 64
MAX_EMAIL_LENGTH = 254


def clean_name(text: str) -> str:
    """Return a name as it is stored: composed characters, single spaces. Raise ValueError if it cannot be a name."""
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not name or len(name) > MAX_NAME_LENGTH:
        raise ValueError(f"a name has 1 to {MAX_NAME_LENGTH} characters")
    if any(unicodedata.category(character)[0] == "C" for character in name):
        raise ValueError("a name has no control or formatting characters")
    return name


def to_login(name: str) -> str:
    """Return the form of a name in which it is unique: without differences of case, width and spacing."""
    return " ".join(unicodedata.normalize("NFKC", name[: 4 * MAX_NAME_LENGTH]).casefold().split())


def clean_email(text: str) -> str:
    """Return an e-mail address without surrounding spaces; '' is none. Raise ValueError if it cannot be an address."""
    email = text.strip()
    local, _, host = email.rpartition("@")
    is_plain = len(email) <= MAX_EMAIL_LENGTH and not any(c.isspace() or not c.isprintable() for c in email)
    if email and not (local and "." in host and is_plain):
        raise ValueError("expected an address such as ana@example.com")
    return email


def anonymous_name(user_id: int) -> str:
    """Return the name that the audit log shows for a removed person on request."""
    return f"usuário {user_id}"
