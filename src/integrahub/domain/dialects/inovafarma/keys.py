"""Keys of InovaFarma's records, and the columns of their values."""

from typing import Any

from integrahub.domain.dialects.base import KeyNames

KEYS = KeyNames(cnpj="CNPJ", product_id="PRODUCTID", title="TITLE", price="PRICE", stock="QUANTITY", ean="EAN")
TEXT_KEYS = {
    "DESCRIPTION": "description",
    "BRAND": "brand",
    "NCM": "ncm",
    "CATEGORY": "category",
    "COLOR": "color",
    "IMAGE": "image_link",
    "IMAGELINK": "image_link",
    "EAN": "ean",
    "SHOPID": "shop_id",
    "SIZE": "size",
    "MEASURE": "measure",
}
PRICE_KEYS = {"PRICE": "price", "WHOLESALEPRICE": "wholesale_price"}
NUMBER_KEYS = {"QUANTITY": "stock", "WHOLESALEMIN": "wholesale_min", "INDICE": "indice"}
DATE_KEYS = {
    "DATACADASTROPRODUTO": "source_created_at",
    "DATAATUALIZACAOPRODUTO": "source_updated_at",
    "DATAATUALIZACAOESTOQUE": "stock_updated_at",
}
PHARMACY_KEYS = frozenset(
    ["PHARMACY_NAME", "PHARMACY", "SHOP_NAME", "SHOPNAME", "FARMACIA", "NAME", "STATE", "UF", "CITY", "CIDADE"]
)
KNOWN = frozenset(["CNPJ", "PRODUCTID", "TITLE", "PRICEPROMO", *TEXT_KEYS, *PRICE_KEYS, *NUMBER_KEYS, *DATE_KEYS])


def spell_known_keys(fields: dict[str, Any]) -> dict[str, str]:
    """Return the known keys of a record in upper case, and the spelling of each that `to_upper_keys` reads."""
    spelled = {}
    for key in fields:
        upper = key.upper()
        if upper in KNOWN and (upper == key or upper not in fields):
            spelled[upper] = key
    return spelled


def to_upper_keys(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields with known keys in upper case.

    A key that the record has in upper case wins over other spellings, and IMAGELINK over IMAGE.
    """
    chosen = {}
    for key, value in fields.items():
        upper = key.upper()
        if upper not in KNOWN:
            chosen[key] = value
        elif upper == key or upper not in fields:
            chosen[upper] = value
    if "IMAGELINK" in chosen:
        chosen.pop("IMAGE", None)
    return chosen
