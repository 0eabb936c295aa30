"""Messages about bodies that are not a catalogue: what the body looks like, and how to send it."""

from integrahub.domain.messages.message import Message

BODY_MESSAGES: dict[str, Message] = {
    "body_too_large": Message(
        "O corpo passa do limite de {limit} bytes (descomprimido). Envie o catálogo em vários DELTA ou peça ao "
        "operador um INTEGRAHUB_MAX_PAYLOAD_SIZE maior.",
        "The body exceeds the limit of {limit} bytes (decoded). Send the catalogue in several DELTA posts, or have the "
        "operator raise INTEGRAHUB_MAX_PAYLOAD_SIZE.",
    ),
    "body_empty": Message(
        "O corpo não tem nenhum registro; espera-se ao menos um produto.",
        "The body has no record; at least one product is expected.",
    ),
    "charset_unknown": Message(
        "O charset {value!r} do Content-Type não é aceito. Envie o corpo em UTF-8; ISO-8859-1 e Windows-1252 também "
        "são aceitos quando declarados.",
        "The charset {value!r} of Content-Type is not accepted. Send the body in UTF-8; ISO-8859-1 and Windows-1252 "
        "are also accepted if declared.",
    ),
    "body_utf16": Message(
        "O corpo começa com os bytes {found}: parece UTF-16. Envie-o em UTF-8 (no PowerShell: `Out-File "
        "-Encoding utf8`).",
        "The body begins with the bytes {found}: it looks like UTF-16. Send it in UTF-8 (in PowerShell: `Out-File "
        "-Encoding utf8`).",
    ),
    "body_compressed": Message(
        "O corpo parece {kind}, mas não veio Content-Encoding. Envie também o cabeçalho `Content-Encoding: {kind}`.",
        "The body looks like {kind}, but has no Content-Encoding. Also send the header `Content-Encoding: {kind}`.",
    ),
    "body_compressed_twice": Message(
        "Depois de descomprimido, o corpo ainda é {kind}: foi comprimido duas vezes. Comprima-o uma só vez.",
        "Once decoded, the body is still {kind}: it was compressed twice. Compress it once.",
    ),
    "body_archive": Message(
        "O corpo parece um arquivo {kind}. Envie o JSON sem compressão, ou em gzip com `Content-Encoding: gzip`.",
        "The body looks like {kind}. Send the JSON without compression, or in gzip with `Content-Encoding: gzip`.",
    ),
    "body_not_utf8": Message(
        "O corpo não está em UTF-8: no byte {offset} veio {found}, que em Windows-1252 (ANSI) é {text!r}. Converta-o "
        "para UTF-8, ou acrescente `; charset=windows-1252` ao Content-Type.",
        "The body is not in UTF-8: byte {offset} is {found}, which in Windows-1252 (ANSI) is {text!r}. Convert it to "
        "UTF-8, or add `; charset=windows-1252` to Content-Type.",
    ),
    "body_absent": Message(
        "O corpo veio vazio; esperava-se um array JSON de produtos: [{{...}}, ...].",
        "The body is empty; a JSON array of products was expected: [{{...}}, ...].",
    ),
    "not_array": Message(
        "Esperava-se um array JSON de produtos: [{{...}}, ...]; o corpo começa com {found!r}.",
        "A JSON array of products was expected: [{{...}}, ...]; the body begins with {found!r}.",
    ),
    "body_wrapped": Message(
        "O corpo é um objeto com o array em {name!r}. Envie só o array: [{{...}}, ...].",
        "The body is an object with the array in {name!r}. Send only the array: [{{...}}, ...].",
    ),
    "body_single_object": Message(
        "O corpo é um objeto; esperava-se um array JSON, mesmo para um só produto: [{{...}}].",
        "The body is an object; a JSON array was expected, even for one product: [{{...}}].",
    ),
    "body_csv": Message(
        "O corpo parece CSV: começa com {found!r}. Envie um array JSON de produtos: [{{...}}, ...].",
        "The body looks like CSV: it begins with {found!r}. Send a JSON array of products: [{{...}}, ...].",
    ),
    "body_html": Message(
        "O corpo começa com HTML ({found!r}), talvez uma mensagem de erro do programa que o gera. Envie só o array "
        "JSON de produtos: [{{...}}, ...].",
        "The body begins with HTML ({found!r}), perhaps an error message of the program that writes it. Send only the "
        "JSON array of products: [{{...}}, ...].",
    ),
    "body_xml": Message(
        "O corpo parece XML: começa com {found!r}. Envie um array JSON de produtos: [{{...}}, ...].",
        "The body looks like XML: it begins with {found!r}. Send a JSON array of products: [{{...}}, ...].",
    ),
    "body_json_text": Message(
        "O corpo é um texto JSON que contém o catálogo: foi convertido em JSON duas vezes. Envie o array em si, sem as "
        "aspas em volta.",
        "The body is a JSON string that contains the catalogue: it was encoded as JSON twice. Send the array itself, "
        "without the quotes around it.",
    ),
    "body_ndjson": Message(
        "O corpo parece NDJSON, um objeto por linha. Envie-o com `Content-Type: application/x-ndjson`, ou como array "
        "JSON: [{{...}}, ...].",
        "The body looks like NDJSON, one object per line. Send it with `Content-Type: application/x-ndjson`, or as a "
        "JSON array: [{{...}}, ...].",
    ),
    "body_array_as_ndjson": Message(
        "O corpo é um array JSON, mas Content-Type diz application/x-ndjson. Envie-o com `Content-Type: "
        "application/json`.",
        "The body is a JSON array, but Content-Type says application/x-ndjson. Send it with `Content-Type: "
        "application/json`.",
    ),
    "ndjson_multiline": Message(
        "Em NDJSON cada registro ocupa uma linha; a primeira linha é {found!r}. Envie um objeto inteiro por linha, ou "
        "um array JSON com `Content-Type: application/json`.",
        "In NDJSON each record is one line; the first line is {found!r}. Send a whole object per line, or a JSON array "
        "with `Content-Type: application/json`.",
    ),
}
