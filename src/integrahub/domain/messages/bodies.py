"""What the hub answers to a body that is no catalogue: what it looks like, and how to send it."""

from integrahub.domain.messages.security import MESSAGES, Message

# code -> both languages; {braces} are facts.
BODIES: dict[str, Message] = MESSAGES | {
    "charset_unknown": Message(
        "O charset {value!r} do Content-Type não é aceito. Envie o corpo em UTF-8; ISO-8859-1 e Windows-1252 também "
        "são aceitos quando declarados.",
        "The charset {value!r} of Content-Type is not accepted. Send the body in UTF-8; ISO-8859-1 and Windows-1252 "
        "are accepted too when declared.",
    ),
    "body_utf16": Message(
        "O corpo começa com os bytes {found}: parece UTF-16. Envie-o em UTF-8 (no PowerShell: `Out-File "
        "-Encoding utf8`).",
        "The body begins with the bytes {found}: it looks like UTF-16. Send it in UTF-8 (in PowerShell: `Out-File "
        "-Encoding utf8`).",
    ),
    "body_compressed": Message(
        "O corpo parece {kind}, mas nenhum Content-Encoding diz isso. Envie também o cabeçalho `Content-Encoding: "
        "{kind}`.",
        "The body looks like {kind}, but no Content-Encoding says so. Send the header `Content-Encoding: {kind}` too.",
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
        "The body is an object that has the array in {name!r}. Send the array alone: [{{...}}, ...].",
    ),
    "body_single_object": Message(
        "O corpo é um objeto; esperava-se um array JSON, também para um só produto: [{{...}}].",
        "The body is an object; a JSON array was expected, also for one product: [{{...}}].",
    ),
    "body_csv": Message(
        "O corpo parece CSV: começa com {found!r}. Envie um array JSON de produtos: [{{...}}, ...].",
        "The body looks like CSV: it begins with {found!r}. Send a JSON array of products: [{{...}}, ...].",
    ),
    "body_html": Message(
        "O corpo começa com HTML ({found!r}), talvez uma mensagem de erro do programa que o gera. Envie só o array "
        "JSON de produtos: [{{...}}, ...].",
        "The body begins with HTML ({found!r}), perhaps an error message of the program that writes it. Send the JSON "
        "array of products alone: [{{...}}, ...].",
    ),
    "body_xml": Message(
        "O corpo parece XML: começa com {found!r}. Envie um array JSON de produtos: [{{...}}, ...].",
        "The body looks like XML: it begins with {found!r}. Send a JSON array of products: [{{...}}, ...].",
    ),
    "body_json_text": Message(
        "O corpo é um texto JSON que contém o catálogo: foi convertido em JSON duas vezes. Envie o array em si, sem as "
        "aspas em volta.",
        "The body is a JSON string that holds the catalogue: it was encoded as JSON twice. Send the array itself, "
        "without the quotes around it.",
    ),
    "body_ndjson": Message(
        "O corpo parece NDJSON, um objeto por linha. Envie-o com `Content-Type: application/x-ndjson`, ou como array "
        "JSON: [{{...}}, ...].",
        "The body looks like NDJSON, an object a line. Send it with `Content-Type: application/x-ndjson`, or as a JSON "
        "array: [{{...}}, ...].",
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
        "In NDJSON a record takes one line; the first line is {found!r}. Send a whole object a line, or a JSON array "
        "with `Content-Type: application/json`.",
    ),
}
