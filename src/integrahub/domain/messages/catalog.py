"""What the hub tells its clients, in Portuguese and English: a code and its facts, put into words at the edge."""

from typing import Any

from integrahub.domain.messages.bodies import BODIES
from integrahub.domain.messages.security import Message, put

# code -> both languages; {braces} are facts.
MESSAGES: dict[str, Message] = BODIES | {
    "other_pharmacy": Message(
        "Esta chave não pertence à farmácia {cnpj}. Use a chave dessa farmácia ou envie os produtos da sua.",
        "This key is not of the pharmacy {cnpj}. Use that pharmacy's key, or send your own pharmacy's products.",
    ),
    "load_type_missing": Message(
        "Falta o cabeçalho X-Inova-Load-Type: informe `full` para o catálogo inteiro ou `delta` para alterações.",
        "The header X-Inova-Load-Type is missing: say `full` for a whole catalogue or `delta` for changes.",
    ),
    "load_type_invalid": Message(
        "X-Inova-Load-Type é {value!r}; esperava-se `full` ou `delta`.",
        "X-Inova-Load-Type is {value!r}; expected `full` or `delta`.",
    ),
    "content_type_invalid": Message(
        "Content-Type é {value!r}; esperava-se application/json ou application/x-ndjson.",
        "Content-Type is {value!r}; expected application/json or application/x-ndjson.",
    ),
    "content_encoding_invalid": Message(
        "Content-Encoding é {value!r}; esperava-se gzip, zstd ou nenhum.",
        "Content-Encoding is {value!r}; expected gzip, zstd or none.",
    ),
    "body_too_large": Message(
        "O corpo passa do limite de {limit} bytes (descomprimido). Envie o catálogo em vários DELTA ou peça ao "
        "operador um MAX_PAYLOAD_SIZE maior.",
        "The body is over the limit of {limit} bytes (decoded). Send the catalogue in several DELTA posts, or ask the "
        "operator to raise MAX_PAYLOAD_SIZE.",
    ),
    "body_empty": Message(
        "O corpo não tem nenhum registro; espera-se ao menos um produto.",
        "The body holds no record; at least one product is expected.",
    ),
    "cnpj_missing": Message(
        "Sem CNPJ: nem a chave nem o CNPJ do primeiro registro dizem de qual farmácia se trata.",
        "No CNPJ: neither the key nor the first record's CNPJ says which pharmacy this is.",
    ),
    "cnpj_not_named": Message(
        "Sem CNPJ: esta chave não é de uma só farmácia; informe qual com ?cnpj= (ou no corpo).",
        "No CNPJ: this key is not of one pharmacy; say which one with ?cnpj= (or in the body).",
    ),
    "cnpj_shape": Message(
        "{value!r} não é um CNPJ: esperam-se 14 caracteres, 12 de 0-9 A-Z e 2 dígitos.",
        "{value!r} is not a CNPJ: 14 characters are expected, 12 of 0-9 A-Z and 2 digits.",
    ),
    "cnpj_check_digits": Message(
        "{value!r} não é um CNPJ: os dígitos verificadores não conferem. Corrija o número.",
        "{value!r} is not a CNPJ: its check digits are wrong. Correct the number.",
    ),
    "idempotency_key_long": Message(
        "Idempotency-Key tem {length} caracteres; aceitam-se no máximo 255.",
        "Idempotency-Key has {length} characters; at most 255 are taken.",
    ),
    "idempotency_key_reused": Message(
        "Esta Idempotency-Key já foi usada com outro corpo ou tipo de carga. Use uma chave nova para conteúdo novo, ou "
        "envie os mesmos bytes e o mesmo tipo.",
        "This Idempotency-Key was used before with another body or load type. Use a new key for new content, or send "
        "the same bytes and load type again.",
    ),
    "item_count_unreadable": Message(
        "X-Inova-Item-Count é {value!r}; esperava-se o número de registros.",
        "X-Inova-Item-Count is {value!r}; expected the number of records.",
    ),
    "value_unreadable": Message(
        "{name} é {value!r}; esperava-se {expected}.",
        "{name} is {value!r}; expected {expected}.",
    ),
    "query_has_nul": Message(
        "A consulta contém o caractere NUL; remova-o.",
        "The query holds the character NUL; remove it.",
    ),
    "cursor_invalid": Message(
        "O cursor não é um que esta consulta forneceu; recomece sem ele.",
        "The cursor is not one this query gave; begin again without it.",
    ),
    "pharmacy_not_found": Message(
        "Não há farmácia {cnpj} aqui; nada foi enviado por ela ainda.",
        "There is no pharmacy {cnpj} here; nothing was posted for it yet.",
    ),
    "batch_not_found": Message(
        "Não há lote {batch_id} entre os que esta chave pode ver.",
        "There is no batch {batch_id} among those this key may see.",
    ),
    "records_expired": Message(
        "Os registros deste lote não estão mais guardados.",
        "The records of this batch are no longer kept.",
    ),
    "report_expired": Message(
        "O relatório do lote {batch_id} passou do prazo em que fica guardado e foi removido.",
        "The report of the batch {batch_id} is past the time it is kept and was removed.",
    ),
    "dead_letter_not_found": Message(
        "Não há falha definitiva {letter_id}.",
        "There is no dead letter {letter_id}.",
    ),
    "nothing_held": Message(
        "Nenhuma desativação deste lote espera decisão: não há o que decidir.",
        "No deactivation of this batch waits for a decision: there is nothing to decide.",
    ),
    "nothing_to_cancel": Message(
        "Não há lote em andamento com esse id: nada foi cancelado.",
        "There is no unfinished batch by that id: nothing was cancelled.",
    ),
    "replay_unfinished": Message(
        "O lote {batch_id} ainda não terminou: espere o fim dele, ou cancele-o, e reprocesse.",
        "The batch {batch_id} is not final yet: wait for its end, or cancel it, then replay it.",
    ),
    "replay_pending": Message(
        "Este lote já está sendo reprocessado: {batch_id}. Espere o fim.",
        "A replay of this batch is under way: {batch_id}. Wait for its end.",
    ),
    "replay_not_a_load": Message(
        "O lote {batch_id} é uma decisão, não uma carga: não tem registros a reprocessar.",
        "The batch {batch_id} is a decision, not a load: it has no records to replay.",
    ),
    "replay_body_expired": Message(
        "O corpo do lote {batch_id} não está mais guardado. Envie o catálogo de novo.",
        "The body of the batch {batch_id} is no longer kept. Post the catalogue again.",
    ),
    "replay_records_expired": Message(
        "Os registros do bloco {chunk} do lote {batch_id} não estão mais guardados. Envie o catálogo de novo.",
        "The records of chunk {chunk} of the batch {batch_id} are no longer kept. Post the catalogue again.",
    ),
    "replay_later_expired": Message(
        "O lote {batch_id}, recebido depois, falou dos mesmos produtos e não está mais guardado: sem ele o "
        "reprocessamento poderia desfazer o que ele disse. Envie o catálogo de novo.",
        "The batch {batch_id}, received later, spoke of the same products and is no longer kept: without it a replay "
        "could undo what it said. Post the catalogue again.",
    ),
    "filter_missing": Message(
        "Falta o filtro: informe ids, batch_id, cnpj ou error.",
        "The filter is missing: give ids, batch_id, cnpj or error.",
    ),
    "request_unreadable": Message(
        "A requisição não pode ser lida: {told}.",
        "The request cannot be read: {told}.",
    ),
    "value_invalid": Message(
        "Um valor da requisição não pode ser usado: está fora da faixa, tem o caractere NUL ou não é do tipo esperado.",
        "A value of the request cannot be used: it is out of range, holds the character NUL, or is of another kind.",
    ),
    "route_not_found": Message(
        "{method} {path} não existe. Veja em /docs o que existe.",
        "{method} {path} does not exist. See /docs for what there is.",
    ),
    "method_unknown": Message(
        "{path} não aceita {method}; aceita {allowed}. Veja em /docs o que existe.",
        "{path} does not take {method}; it takes {allowed}. See /docs for what there is.",
    ),
    "key_shown_once": Message(
        "Guarde a chave: ela só aparece uma vez.",
        "Keep the key: it is shown once.",
    ),
    "dependency_unavailable": Message(
        "Uma dependência do hub (banco de dados ou armazenamento) está indisponível. Tente de novo em {wait} s; um "
        "envio que já tenha sido recebido é reconhecido.",
        "A dependency of the hub (database or storage) is unavailable. Try again in {wait} s; a post that was received "
        "already is recognised.",
    ),
    "backlog_long": Message(
        "{waiting} registros ainda esperam ser aplicados; o limite é {bound}. Nada foi recebido; envie de novo "
        "depois do tempo em Retry-After.",
        "{waiting} records still wait to be applied; the limit is {bound}. Nothing was taken in; send it again "
        "after the time in Retry-After.",
    ),
    "commit_queue_full": Message(
        "Muitos envios esperam para ser gravados neste momento. Nada foi recebido; envie de novo depois do tempo em "
        "Retry-After.",
        "Too many posts wait to be stored just now. Nothing was taken in; send it again after the time in Retry-After.",
    ),
    "turn_busy": Message(
        "O hub está concluindo outro lote desta farmácia e não pôde gravar este a tempo. Nada foi recebido; envie de "
        "novo depois do tempo em Retry-After.",
        "The hub is ending another batch of this pharmacy and could not store this one in time. Nothing was taken in; "
        "send it again after the time in Retry-After.",
    ),
    "internal_error": Message(
        "O hub falhou nesta requisição; o operador encontra o motivo nos logs.",
        "The hub failed on this request; the operator finds why in the logs.",
    ),
    # Why a batch failed.
    "body_truncated": Message(
        "O corpo termina no byte {offset}, antes de fechar o array JSON. Envie o array inteiro, até o `]`.",
        "The body ends at byte {offset} before its JSON array is closed. Send the whole array, up to its `]`.",
    ),
    "body_malformed": Message(
        "No byte {offset} do corpo esperava-se {expected}, mas veio {found!r}. Corrija o JSON e envie de novo.",
        "At byte {offset} of the body, {expected} was expected, but {found!r} was found. Correct the JSON and send it "
        "again.",
    ),
    "encoding_invalid": Message(
        "O corpo foi anunciado como {encoding}, mas não pode ser descomprimido ({told}). Envie-o inteiro ou sem "
        "compressão.",
        "The body is announced as {encoding} but cannot be decoded ({told}). Send it whole, or without encoding.",
    ),
    "body_no_catalogue": Message(
        "{unreadable} dos primeiros {items} registros não têm código de produto legível: isto não é um catálogo. Veja "
        "o byte {offset} e envie um array de objetos com PRODUCTID.",
        "{unreadable} of the first {items} records have no readable product id: this is no catalogue. See byte "
        "{offset}, and send an array of objects with PRODUCTID.",
    ),
    # Of batches that failed before such a product was rejected alone.
    "product_repeated": Message(
        "O produto {product_id} vem em {repeats} registros ou mais (um deles no byte {offset}): é demais para um "
        "envio. Envie cada produto uma vez, ou uma vez por promoção.",
        "The product {product_id} comes in {repeats} records or more (one of them at byte {offset}): too many for one "
        "post. Send each product once, or once a promotion.",
    ),
    "verify_nothing": Message(
        "Nada foi aplicado para o CNPJ {cnpj}: não há o que verificar. Confira o CNPJ com `integrahub pharmacy list`.",
        "Nothing was ever applied for the CNPJ {cnpj}: there is nothing to verify. Look it up with `integrahub "
        "pharmacy list`.",
    ),
    "body_missing": Message(
        "O corpo guardado não existe mais. Envie o catálogo de novo.",
        "The stored body is gone. Send the catalogue again.",
    ),
    "split_failed": Message(
        "O hub não conseguiu dividir o corpo ({told}). O corpo está guardado e nada foi aplicado: avise o operador, "
        "que pode reprocessar o lote; não é preciso reenviar.",
        "The hub could not split the body ({told}). The body is kept and nothing was applied: tell the operator, who "
        "can replay the batch; nothing need be sent again.",
    ),
    "worker_crashed": Message(
        "Cada processo que tentou dividir o corpo caiu ({crashes} vezes). O corpo está guardado e nada foi aplicado: "
        "avise o operador, que pode reprocessar o lote; não é preciso reenviar.",
        "Each process that tried to split the body crashed ({crashes} times). The body is kept and nothing was "
        "applied: tell the operator, who can replay the batch; nothing need be sent again.",
    ),
    "records_not_applied": Message(
        "{dead} registros não foram aplicados por falha do hub; estão guardados e serão reprocessados. Não é preciso "
        "reenviar.",
        "{dead} records were not applied by a fault of the hub; they are kept and will be replayed. Nothing need be "
        "sent again.",
    ),
    "nothing_applied": Message(
        "Nenhum registro pôde ser aplicado; veja o relatório de erros.",
        "No record could be applied; see the report of errors.",
    ),
    # Why a deactivation is held.
    "too_many_absent": Message(
        "{candidates} de {active} produtos ativos ({share:.0%}) seriam desativados; o limite é {limit:.0%}",
        "{candidates} of {active} active products ({share:.0%}) would be deactivated; the limit is {limit:.0%}",
    ),
    "ids_unreadable": Message(
        "{count} registros não têm código de produto legível: podem ser produtos a manter",
        "{count} records have no readable product id: they may be products to keep",
    ),
    "end_not_seen": Message(
        "NDJSON não tem fim visível: X-Inova-Item-Count deve ser igual aos {received} registros recebidos, e não veio",
        "NDJSON has no visible end: X-Inova-Item-Count must equal the {received} records received, and did not come",
    ),
    "count_differs": Message(
        "X-Inova-Item-Count diz {claimed} registros; {received} foram recebidos",
        "X-Inova-Item-Count says {claimed} records; {received} were received",
    ),
    "replayed": Message(
        "o FULL reprocessado (número {received_seq}) não é o lote mais novo, ou é uma parte: {candidates} produtos "
        "ativos não estão nele nem nos lotes posteriores",
        "the replayed FULL (number {received_seq}) is not the newest batch, or is a part: {candidates} active products "
        "are neither in it nor in later batches",
    ),
    "window_cancelled": Message(
        "um operador cancelou a desativação deste FULL em partes: uma pessoa decide",
        "an operator cancelled the deactivation of this FULL in parts: a person decides",
    ),
    "part_failed": Message(
        "uma parte deste FULL terminou como {status}: os produtos dela podem ser de manter (lote {batch_id})",
        "a part of this FULL ended as {status}: its products may be ones to keep (batch {batch_id})",
    ),
}


def render_message(code: str, facts: dict[str, Any]) -> Message:
    """Put the facts of a code into its sentence. KeyError for a code or fact that is not known."""
    return put(MESSAGES[code], facts)
