"""Keys that people choose: whether a client could send one, and whether it is easy to guess."""

SHORTEST = 20  # characters of a chosen key
_LEAST_CHARACTERS = 8  # different ones
_LEAST_PAIRS = 12  # different pairs of neighbours: few in what repeats or counts


def is_sendable(key: str) -> bool:
    """Return whether a header carries the key unchanged: visible ASCII, no blanks, line ends or other letters."""
    return key.isascii() and key.isprintable() and " " not in key


def list_unsendable_characters(key: str) -> str:
    """Return what no header carries of a key, each once, as it can be shown."""
    found = dict.fromkeys(character for character in key if not is_sendable(character))
    return ", ".join(repr(character) for character in list(found)[:5])


def is_weak(key: str) -> bool:
    """Return whether a chosen key is short or repeats itself; who has the pepper guesses such keys quickly."""
    pairs = {key[place : place + 2] for place in range(len(key) - 1)}
    return len(key) < SHORTEST or len(set(key)) < _LEAST_CHARACTERS or len(pairs) < _LEAST_PAIRS
