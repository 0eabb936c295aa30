"""Product rows as records that the ERP could post."""

from typing import Any

from integrahub.domain.products import COLUMNS

_KEYS_BY_COLUMN = {
    "title": "TITLE",
    "description": "DESCRIPTION",
    "brand": "BRAND",
    "ncm": "NCM",
    "category": "CATEGORY",
    "image_link": "IMAGELINK",
    "color": "COLOR",
    "ean": "EAN",
    "shop_id": "SHOPID",
    "size": "SIZE",
    "price": "PRICE",
    "wholesale_price": "WHOLESALEPRICE",
    "price_promos": "PRICEPROMO",
    "stock": "QUANTITY",
    "wholesale_min": "WHOLESALEMIN",
    "measure": "MEASURE",
    "indice": "INDICE",
    "source_created_at": "DATACADASTROPRODUTO",
    "source_updated_at": "DATAATUALIZACAOPRODUTO",
    "stock_updated_at": "DATAATUALIZACAOESTOQUE",
}


def export(row: dict[str, Any], cnpj: str) -> dict[str, Any]:
    """Return a product row as one record; of several promotions it carries the lowest."""
    record: dict[str, Any] = {"CNPJ": cnpj, "PRODUCTID": row["product_id"]}
    for column in COLUMNS[:-1]:
        value = row[column]
        if column == "price_promos":
            value = min(value, default=None)
        if value is not None:
            record[_KEYS_BY_COLUMN[column]] = value
    return record | (row["extra"] or {})
