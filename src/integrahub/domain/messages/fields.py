"""What the hub answers to a value of a request that is not of its kind: each kind of fault in both languages."""

import re
from collections.abc import Mapping

from integrahub.domain.messages.security import Message, put

# kind, as pydantic names it -> both languages; {braces} are facts.
FIELD_MESSAGES: dict[str, Message] = {
    "missing": Message("falta; é obrigatório", "is missing; it is required"),
    "json_invalid": Message("o corpo não é JSON válido", "the body is not valid JSON"),
    "uuid_parsing": Message("esperava-se um UUID", "a UUID was expected"),
    "int_parsing": Message("esperava-se um número inteiro", "a whole number was expected"),
    "float_parsing": Message("esperava-se um número", "a number was expected"),
    "string_type": Message("esperava-se um texto", "a string was expected"),
    "list_type": Message("esperava-se uma lista", "a list was expected"),
    "dict_type": Message("esperava-se um objeto JSON", "a JSON object was expected"),
    "bool_parsing": Message("esperava-se true ou false", "true or false was expected"),
    "datetime_parsing": Message(
        "esperava-se um horário, por exemplo 2026-03-01T10:00:00Z",
        "a time was expected, for example 2026-03-01T10:00:00Z",
    ),
    "greater_than_equal": Message("o mínimo é {ge}", "the least is {ge}"),
    "less_than_equal": Message("o máximo é {le}", "the most is {le}"),
    "string_too_short": Message("espera-se ao menos {min_length} caractere(s)", "at least {min_length} character(s)"),
    "string_too_long": Message("aceitam-se no máximo {max_length} caracteres", "at most {max_length} characters"),
    "too_short": Message("espera-se ao menos {min_length} item(ns)", "at least {min_length} item(s)"),
    "too_long": Message("aceitam-se no máximo {max_length} itens", "at most {max_length} items"),
    "literal_error": Message("esperava-se um de: {expected}", "expected one of: {expected}"),
    "string_pattern_mismatch": Message("esperava-se o formato {pattern}", "expected the form {pattern}"),
    "zone_unknown": Message(
        "{value!r} não é um fuso horário; esperava-se um como America/Manaus",
        "{value!r} is no time zone; expected one such as America/Manaus",
    ),
    "rate_unreadable": Message(
        "{value!r} não é um limite; esperava-se, por exemplo, 100/minute, ou off",
        "{value!r} is no rate; expected, for example, 100/minute, or off",
    ),
    "member_unknown": Message(
        "o membro {name!r} não existe; {nearest}", "the member {name!r} does not exist; {nearest}"
    ),
    "other": Message("o valor não é aceito", "the value is not accepted"),
}
_ALIKE = {
    "enum": "literal_error",
    "int_type": "int_parsing",
    "int_from_float": "int_parsing",
    "int_parsing_size": "int_parsing",
    "uuid_type": "uuid_parsing",
    "float_type": "float_parsing",
    "finite_number": "float_parsing",
    "bool_type": "bool_parsing",
    "model_attributes_type": "dict_type",
    "model_type": "dict_type",
    "datetime_type": "datetime_parsing",
    "datetime_from_date_parsing": "datetime_parsing",
    "datetime_object_invalid": "datetime_parsing",
    "timezone_aware": "datetime_parsing",
}
_OR = re.compile(r", | or ")


class InvalidField(ValueError):
    """A value of a request that one of our own checks refuses: a kind of FIELD_MESSAGES and its facts."""

    def __init__(self, kind: str, **facts: object) -> None:
        self.kind = kind
        self.facts = facts
        super().__init__(put(FIELD_MESSAGES[kind], facts).en)


def describe(kind: str, facts: Mapping[str, object]) -> Message:
    """Describe a fault that pydantic found, by its kind and what it knows of it."""
    own = facts.get("error")
    if isinstance(own, InvalidField):
        kind, facts = own.kind, own.facts
    sentence = FIELD_MESSAGES.get(_ALIKE.get(kind, kind), FIELD_MESSAGES["other"])
    known = dict(facts) | {"expected": _OR.sub(" | ", str(facts.get("expected", "")))}
    return put(sentence, known)
