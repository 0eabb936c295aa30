"""Short description of a record for the OpenAPI document."""

from typing import Any

from integrahub.domain.dialects.inovafarma.json_schema import PATH

_TEXTS = {
    "DESCRIPTION": "description",
    "BRAND": "brand",
    "NCM": "NCM (tax classification)",
    "CATEGORY": "category",
    "IMAGELINK": "address of the picture",
    "COLOR": "color",
    "EAN": "EAN (bar code)",
    "SHOPID": "id of the shop",
    "SIZE": "size",
    "MEASURE": "unit of measure",
}
_NUMBERS = {
    "PRICE": "price in BRL: 12.5, '12,50' or '1.234,56'",
    "PRICEPROMO": "promotional price; one record per promotion",
    "WHOLESALEPRICE": "wholesale price",
    "WHOLESALEMIN": "least quantity of the wholesale price",
    "QUANTITY": "stock",
    "INDICE": "index of the ERP; its change alone changes nothing",
}
_TIMES = {
    "DATACADASTROPRODUTO": "local time of registration",
    "DATAATUALIZACAOPRODUTO": "local time of the last change",
    "DATAATUALIZACAOESTOQUE": "local time of the last change of stock",
}
_RECORD: dict[str, Any] = {
    "type": "object",
    "required": ["PRODUCTID"],
    "properties": {
        "CNPJ": {"type": ["string", "number"], "description": "the pharmacy; absent, or that of the batch"},
        "PRODUCTID": {"type": ["integer", "string"], "description": "product id of the ERP, a positive integer"},
        "TITLE": {"type": "string", "description": "name; required in a FULL and for a new product"},
        **{name: {"type": ["string", "number"], "description": text} for name, text in _TEXTS.items()},
        **{name: {"type": ["number", "string", "null"], "description": text} for name, text in _NUMBERS.items()},
        **{name: {"type": ["string", "null"], "description": text} for name, text in _TIMES.items()},
    },
    "description": "A record; keys may be in any case, other keys are kept. "
    f"The exact rules are the JSON Schema at {PATH}",
    "example": {
        "CNPJ": "05927228000145",
        "PRODUCTID": 4812,
        "TITLE": "Dipirona 500 mg",
        "EAN": "7896004703390",
        "PRICE": 12.5,
        "QUANTITY": 30,
        "BRAND": "Genérico",
        "DATAATUALIZACAOPRODUTO": "2026-03-01T10:00:00",
    },
}


def describe_record() -> dict[str, Any]:
    """Return the schema, with an example."""
    return _RECORD
