"""Messages about single fields of a request, by the kind of error that pydantic reports."""

import re
from collections.abc import Mapping

from integrahub.domain.messages.message import Message, format_message

FIELD_MESSAGES: dict[str, Message] = {
    "missing": Message("falta; é obrigatório", "is missing; it is required"),
    "json_invalid": Message("o corpo não é JSON válido", "the body is not valid JSON"),
    "uuid_parsing": Message("esperava-se um UUID", "expected a UUID"),
    "int_parsing": Message("esperava-se um número inteiro", "expected a whole number"),
    "float_parsing": Message("esperava-se um número", "expected a number"),
    "string_type": Message("esperava-se um texto", "expected a string"),
    "list_type": Message("esperava-se uma lista", "expected a list"),
    "dict_type": Message("esperava-se um objeto JSON", "expected a JSON object"),
    "bool_parsing": Message("esperava-se true ou false", "expected true or false"),
    "datetime_parsing": Message(
        "esperava-se um horário, por exemplo 2026-03-01T10:00:00Z",
        "expected a time, for example 2026-03-01T10:00:00Z",
    ),
    "greater_than_equal": Message("o mínimo é {ge}", "the minimum is {ge}"),
    "less_than_equal": Message("o máximo é {le}", "the maximum is {le}"),
    "string_too_short": Message(
        "esperava-se ao menos {min_length} caractere(s)", "expected at least {min_length} character(s)"
    ),
    "string_too_long": Message(
        "esperavam-se no máximo {max_length} caracteres", "expected at most {max_length} characters"
    ),
    "too_short": Message("esperava-se ao menos {min_length} item(ns)", "expected at least {min_length} item(s)"),
    "too_long": Message("esperavam-se no máximo {max_length} itens", "expected at most {max_length} items"),
    "literal_error": Message("esperava-se um de: {expected}", "expected one of: {expected}"),
    "string_pattern_mismatch": Message("esperava-se o formato {pattern}", "expected the format {pattern}"),
    "zone_unknown": Message(
        "{value!r} não é um fuso horário; esperava-se um como America/Manaus",
        "{value!r} is not a time zone; expected one such as America/Manaus",
    ),
    "rate_unreadable": Message(
        "{value!r} não é um limite; esperava-se, por exemplo, 100/minute, ou off",
        "{value!r} is not a rate; expected, for example, 100/minute, or off",
    ),
    "member_unknown": Message("o campo {name!r} não existe; {nearest}", "the field {name!r} does not exist; {nearest}"),
    "other": Message("o valor não é aceito", "the value is not accepted"),
}
_SAME_AS = {
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
_SEPARATOR = re.compile(r", | or ")


class InvalidField(ValueError):
    """A validator of the hub refused a value: a kind of FIELD_MESSAGES and its facts."""

    def __init__(self, kind: str, **facts: object) -> None:
        self.kind = kind
        self.facts = facts
        super().__init__(format_message(FIELD_MESSAGES[kind], facts).en)


def describe_error(kind: str, context: Mapping[str, object]) -> Message:
    """Return the message for an error of pydantic, from its type and context."""
    error = context.get("error")
    if isinstance(error, InvalidField):
        kind, context = error.kind, error.facts
    message = FIELD_MESSAGES.get(_SAME_AS.get(kind, kind), FIELD_MESSAGES["other"])
    expected = _SEPARATOR.sub(" | ", str(context.get("expected", "")))
    return format_message(message, dict(context) | {"expected": expected})
