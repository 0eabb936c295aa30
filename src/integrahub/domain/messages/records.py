"""Messages about single records: why one was rejected, or what a warning means."""

from integrahub.domain.messages.message import Message

RECORD_MESSAGES: dict[str, Message] = {
    "not_object": Message(
        "O registro não é um objeto JSON. Envie cada produto como um objeto entre chaves.",
        "The record is not a JSON object. Send each product as an object in braces.",
    ),
    "json_invalid": Message(
        "O registro não é JSON válido. Corrija o texto (aspas, NaN, caracteres de controle, UTF-8) e envie de novo.",
        "The record is not valid JSON. Correct its text (quotes, NaN, control characters, UTF-8) and send it again.",
    ),
    "record_too_long": Message(
        "O registro passa do tamanho permitido. Encurte os textos e envie de novo.",
        "The record is longer than allowed. Shorten its texts and send it again.",
    ),
    "record_too_deep": Message(
        "O registro tem mais de 8 níveis de aninhamento. Simplifique-o e envie de novo.",
        "The record is nested more than 8 levels deep. Flatten it and send it again.",
    ),
    "text_has_nul": Message(
        "Um texto do registro contém o caractere NUL (\\u0000). Remova-o e envie de novo.",
        "A text of the record contains the character NUL (\\u0000). Remove it and send it again.",
    ),
    "cnpj_mismatch": Message(
        "O CNPJ do registro não é o da farmácia deste lote. Envie-o com a chave da farmácia dele.",
        "The CNPJ of the record is not that of this batch's pharmacy. Send it with the key of its own pharmacy.",
    ),
    "product_id_missing": Message(
        "Falta o código do produto. Informe o código que o produto tem no ERP.",
        "The product id is missing. Send the product's id in the ERP.",
    ),
    "product_id_invalid": Message(
        "O código do produto não é um inteiro positivo. Informe o código que o produto tem no ERP.",
        "The product id is not a positive integer. Send the product's id in the ERP.",
    ),
    "title_missing": Message(
        "Falta o nome, exigido em FULL e em produto novo. Informe o nome do produto.",
        "The name is missing; a full load and a new product require it. Send the product's name.",
    ),
    "price_invalid": Message(
        "O preço não é um número de 0 a 9999999999,9999. Corrija-o e envie de novo.",
        "The price is not a number from 0 to 9999999999.9999. Correct it and send it again.",
    ),
    "product_repeated": Message(
        "O produto vem em registros demais em um envio (mais de 10.000, ou mais de 8 MB). Nenhum deles foi aplicado; "
        "envie cada produto uma vez, ou uma vez por promoção.",
        "The product occurs in too many records of one post (over 10,000, or over 8 MB). None of them was applied; "
        "send each product once, or once per promotion.",
    ),
    "price_zero": Message(
        "O preço veio vazio: o produto fica sem preço e aparece com preço 0. Envie o preço, ou 0 se for mesmo zero.",
        "The price is empty: the product has no price and is shown as 0. Send the price, or 0 if it is zero.",
    ),
    "price_ambiguous": Message(
        "O preço em texto tem um ponto antes de 3 dígitos e foi lido como decimal (1.000 é 1,00). Envie um número "
        "JSON, ou use vírgula decimal.",
        "The price in text has a point before 3 digits and was read as a decimal (1.000 is 1.00). Send a JSON number, "
        "or use a decimal comma.",
    ),
    "record_refused": Message(
        "O banco de dados recusou o registro. Avise o operador; os demais registros foram aplicados.",
        "The database refused the record. Notify the operator; the other records were applied.",
    ),
    "number_unreadable": Message(
        "O campo não é um número legível e foi tratado como ausente. Envie um número JSON.",
        "The field is not a readable number and was treated as absent. Send a JSON number.",
    ),
    "text_unreadable": Message(
        "O campo deveria ser um texto e foi tratado como ausente. Envie um texto JSON.",
        "The field should be a string and was treated as absent. Send a JSON string.",
    ),
    "date_unreadable": Message(
        "A data não está no formato ISO 8601 e foi tratada como ausente. Envie-a como 2026-03-01T10:00:00.",
        "The date is not in ISO 8601 format and was treated as absent. Send it as 2026-03-01T10:00:00.",
    ),
}
