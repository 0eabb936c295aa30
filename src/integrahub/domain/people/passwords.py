"""Rules for passwords that people choose: length, and nothing that is guessed first."""

from integrahub.domain.people.names import to_login

MIN_PASSWORD_LENGTH = 12
MAX_PASSWORD_LENGTH = 128
_MIN_PASSWORD_CHARACTERS = 6
_MIN_NAME_LENGTH = 4  # shorter names are parts of many words
# Words that most of the leaked passwords of this length are made of, in Portuguese and English.
_FREQUENT = (
    *("password", "senha", "integrahub", "farmacia", "drogaria", "qwerty", "asdfgh", "1q2w3e", "123456", "654321"),
    *("abcdef", "abc123", "admin", "welcome", "bemvindo", "brasil", "letmein", "iloveyou", "mudar"),
)


def is_fit_length(password: str) -> bool:
    """Return whether a password has an accepted length. No kinds of characters are required (NIST SP 800-63B)."""
    return MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH


def is_easy(password: str, name: str) -> bool:
    """Return whether a password is guessed early: repeated characters, the name, or little besides frequent words."""
    text = to_login(password).replace(" ", "")
    own = to_login(name).replace(" ", "")
    rest = text.replace(own, "") if len(own) >= _MIN_NAME_LENGTH else text
    for word in _FREQUENT:
        rest = rest.replace(word, "")
    return len(set(text)) < _MIN_PASSWORD_CHARACTERS or len(rest) < MIN_PASSWORD_LENGTH // 2
