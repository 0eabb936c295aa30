"""What the hub keeps of a product, and what may be wrong with a record."""

from dataclasses import dataclass
from typing import Literal

TEXTS = ("title", "description", "brand", "ncm", "category", "image_link", "color", "ean", "shop_id", "size", "measure")

# As in the table `products` and in its COPY statements.
COLUMNS = (
    *("title", "description", "brand", "ncm", "category", "image_link", "color", "ean", "shop_id", "size"),
    *("price", "wholesale_price", "price_promos", "stock", "wholesale_min", "measure", "indice"),
    *("source_created_at", "source_updated_at", "stock_updated_at", "extra"),
)

# What a chunk's records came to; the first six add up to the records it answers for.
COUNTERS = ("inserted", "updated", "unchanged", "merged", "rejected", "superseded", "reactivated", "warnings")
SETTLED = COUNTERS[:6]


@dataclass(frozen=True, slots=True)
class RecordIssue:
    """What a client should know of one record.

    `position` counts records from 0, `offset` bytes of the decoded body; `value` is what was found, cut to 200
    characters. A `rejected` record was not applied; a `warning` names a field that was left out or may mean
    something else.
    """

    position: int
    offset: int
    severity: Literal["rejected", "warning"]
    product_id: str
    field: str
    code: str
    value: str


# code -> (Portuguese, English): what is wrong and what to do.
RECORD_MESSAGES: dict[str, tuple[str, str]] = {
    "not_object": (
        "O registro não é um objeto JSON. Envie cada produto como um objeto entre chaves.",
        "The record is not a JSON object. Send each product as an object in braces.",
    ),
    "json_invalid": (
        "O registro não é JSON válido. Corrija o texto (aspas, NaN, caracteres de controle, UTF-8) e envie de novo.",
        "The record is not valid JSON. Correct its text (quotes, NaN, control characters, UTF-8) and send it again.",
    ),
    "record_too_long": (
        "O registro passa do tamanho permitido. Reduza os textos e envie de novo.",
        "The record is longer than allowed. Shorten its texts and send it again.",
    ),
    "record_too_deep": (
        "O registro tem mais de 8 níveis de aninhamento. Simplifique-o e envie de novo.",
        "The record is nested over 8 levels deep. Flatten it and send it again.",
    ),
    "text_has_nul": (
        "Um texto do registro contém o caractere NUL (\\u0000). Remova-o e envie de novo.",
        "A text of the record holds the character NUL (\\u0000). Remove it and send it again.",
    ),
    "cnpj_mismatch": (
        "O CNPJ do registro não é o da farmácia deste lote. Envie-o com a chave da farmácia dele.",
        "The record's CNPJ is not that of this batch's pharmacy. Send it with the key of its own pharmacy.",
    ),
    "product_id_missing": (
        "Falta PRODUCTID. Informe o código do produto no ERP.",
        "PRODUCTID is missing. Give the product's id in the ERP.",
    ),
    "product_id_invalid": (
        "PRODUCTID não é um inteiro positivo. Informe o código do produto no ERP.",
        "PRODUCTID is not a positive integer. Give the product's id in the ERP.",
    ),
    "title_missing": (
        "Falta TITLE, exigido em carga full e em produto novo. Informe o nome do produto.",
        "TITLE is missing; a full load and a new product need it. Give the product's name.",
    ),
    "price_invalid": (
        "O preço não é um número de 0 a 9999999999,9999. Corrija-o e envie de novo.",
        "The price is not a number from 0 to 9999999999.9999. Correct it and send it again.",
    ),
    "product_repeated": (
        "O produto vem em registros demais em um envio (mais de 10.000, ou mais de 8 MB). Nenhum deles foi aplicado; "
        "envie cada produto uma vez, ou uma vez por promoção.",
        "The product comes in too many records of one post (over 10,000, or over 8 MB). None of them was applied; send "
        "each product once, or once per promotion.",
    ),
    "price_zero": (
        "PRICE veio vazio: o produto fica sem preço e aparece com preço 0. Envie o preço, ou 0 se for mesmo zero.",
        "PRICE is empty: the product has no price and shows as 0. Send the price, or 0 if it is zero.",
    ),
    "price_ambiguous": (
        "O preço em texto tem um ponto antes de 3 dígitos: foi lido como decimal (1.000 é 1,00). Envie um número JSON, "
        "ou vírgula decimal.",
        "The price in text has a point before 3 digits: it was read as a decimal (1.000 is 1.00). Send a JSON number, "
        "or a decimal comma.",
    ),
    "record_refused": (
        "O banco de dados recusou o registro. Avise o operador; os demais registros foram aplicados.",
        "The database refused the record. Tell the operator; the other records were applied.",
    ),
    "number_unreadable": (
        "O campo não é um número legível e foi tratado como ausente.",
        "The field is not a readable number and was treated as absent.",
    ),
    "text_unreadable": (
        "O campo deveria ser um texto e foi tratado como ausente.",
        "The field should be a text and was treated as absent.",
    ),
    "date_unreadable": (
        "A data não está no formato ISO 8601 e foi tratada como ausente.",
        "The date is not in ISO 8601 format and was treated as absent.",
    ),
}
