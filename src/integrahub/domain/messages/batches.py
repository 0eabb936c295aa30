"""Messages about batches: why one failed, why a deactivation is held, why a decision or a replay is refused."""

from integrahub.domain.messages.message import Message

BATCH_MESSAGES: dict[str, Message] = {
    # Why a batch failed.
    "body_truncated": Message(
        "O corpo termina no byte {offset}, antes de fechar o array JSON. Envie o array inteiro, até o `]`.",
        "The body ends at byte {offset}, before its JSON array is closed. Send the whole array, up to its `]`.",
    ),
    "body_malformed": Message(
        "No byte {offset} do corpo esperava-se {expected}, mas veio {found!r}. Corrija o JSON e envie de novo.",
        "At byte {offset} of the body, expected {expected} but found {found!r}. Correct the JSON and send it again.",
    ),
    "encoding_invalid": Message(
        "O corpo foi declarado como {encoding}, mas não pode ser descomprimido ({reason}). Envie-o inteiro ou sem "
        "compressão.",
        "The body is declared as {encoding} but cannot be decoded ({reason}). Send all of it, or send it uncompressed.",
    ),
    "body_no_catalogue": Message(
        "{unreadable} dos primeiros {items} registros não têm código de produto legível: isto não é um catálogo. Veja "
        "o byte {offset} e envie um array de objetos com o código do produto.",
        "{unreadable} of the first {items} records have no readable product id: this is not a catalogue. See byte "
        "{offset}, and send an array of objects with the product's id.",
    ),
    # Batches of older versions failed with this code; now the product alone is rejected.
    "product_repeated": Message(
        "O produto {product_id} vem em {repeats} registros ou mais (um deles no byte {offset}), demais para um envio. "
        "Envie cada produto uma vez, ou uma vez por promoção.",
        "The product {product_id} occurs in {repeats} records or more (one of them at byte {offset}), too many for one "
        "post. Send each product once, or once per promotion.",
    ),
    "body_missing": Message(
        "O corpo guardado não existe mais. Envie o catálogo de novo.",
        "The stored body no longer exists. Post the catalogue again.",
    ),
    "body_damaged": Message(
        "O corpo guardado está danificado. Nada foi aplicado. Envie o catálogo de novo.",
        "The stored body is damaged. Nothing was applied. Post the catalogue again.",
    ),
    "split_failed": Message(
        "O hub não conseguiu dividir o corpo ({reason}). O corpo está guardado e nada foi aplicado: avise o operador, "
        "que pode reprocessar o lote; não é preciso reenviar.",
        "The hub could not split the body ({reason}). The body is stored and nothing was applied: notify the operator, "
        "who can replay the batch. Nothing need be sent again.",
    ),
    "worker_crashed": Message(
        "Todo worker que tentou dividir o corpo caiu ({crashes} vezes). O corpo está guardado e nada foi aplicado: "
        "avise o operador, que pode reprocessar o lote; não é preciso reenviar.",
        "Each worker that tried to split the body crashed ({crashes} times). The body is stored and nothing was "
        "applied: notify the operator, who can replay the batch. Nothing need be sent again.",
    ),
    "records_not_applied": Message(
        "{dead} registros não foram aplicados por falha do hub; estão guardados e podem ser reprocessados pelo "
        "operador. Não é preciso reenviar.",
        "{dead} records were not applied because of a fault of the hub; they are stored, and the operator can replay "
        "them. Nothing need be sent again.",
    ),
    "nothing_applied": Message(
        "Nenhum registro pôde ser aplicado. Veja o relatório de erros, corrija-os e envie de novo.",
        "No record could be applied. See the report of errors, correct them and post again.",
    ),
    # Why a deactivation is held.
    "too_many_absent": Message(
        "{candidates} de {active} produtos ativos ({share:.0%}) seriam desativados; o limite é {limit:.0%}",
        "{candidates} of {active} active products ({share:.0%}) would be deactivated; the limit is {limit:.0%}",
    ),
    "ids_unreadable": Message(
        "{count} registros não têm código de produto legível: podem ser de produtos a manter ativos",
        "{count} records have no readable product id: their products may have to stay active",
    ),
    "end_not_seen": Message(
        "NDJSON não tem fim visível: faltou X-Inova-Item-Count, que deve ser igual aos {received} registros recebidos",
        "NDJSON has no visible end: X-Inova-Item-Count is missing and must equal the {received} records received",
    ),
    "count_differs": Message(
        "X-Inova-Item-Count diz {claimed} registros, mas {received} foram recebidos",
        "X-Inova-Item-Count says {claimed} records, but {received} were received",
    ),
    "replayed": Message(
        "o FULL reprocessado (número {received_seq}) não é o lote mais novo, ou é uma parte: {candidates} produtos "
        "ativos não estão nele nem nos lotes posteriores",
        "the replayed FULL (number {received_seq}) is not the newest batch, or is a part: {candidates} active products "
        "are neither in it nor in later batches",
    ),
    "window_cancelled": Message(
        "um operador cancelou a desativação deste FULL em partes; um operador precisa decidir",
        "an operator cancelled the deactivation of this FULL in parts; an operator must decide",
    ),
    "part_failed": Message(
        "uma parte deste FULL terminou como {status} (lote {batch_id}): os produtos dela podem ter de continuar ativos",
        "a part of this FULL ended as {status} (batch {batch_id}): its products may have to stay active",
    ),
    # Why a decision or a replay is refused.
    "nothing_held": Message(
        "Nenhuma desativação deste lote aguarda decisão: não há o que decidir.",
        "No deactivation of this batch is held: there is nothing to decide.",
    ),
    "nothing_to_cancel": Message(
        "Não há lote em andamento com esse id: nada foi cancelado.",
        "There is no unfinished batch with this id: nothing was cancelled.",
    ),
    "replay_unfinished": Message(
        "O lote {batch_id} ainda não terminou: espere que termine, ou cancele-o, e então reprocesse.",
        "The batch {batch_id} is not final yet: wait until it is, or cancel it, then replay it.",
    ),
    "replay_pending": Message(
        "Este lote já está sendo reprocessado: {batch_id}. Espere que termine.",
        "This batch is already being replayed: {batch_id}. Wait until it is final.",
    ),
    "replay_not_a_load": Message(
        "O lote {batch_id} é uma decisão, não uma carga: não tem registros a reprocessar.",
        "The batch {batch_id} is a decision, not a load: it has no records to replay.",
    ),
    "replay_body_expired": Message(
        "O corpo do lote {batch_id} passou do prazo de retenção. Envie o catálogo de novo.",
        "The body of the batch {batch_id} is past its retention. Post the catalogue again.",
    ),
    "receipts_off": Message(
        "Este hub não assina recibos: falta a configuração INTEGRAHUB_RECEIPT_KEY. Peça ao operador que a defina.",
        "This hub signs no receipts: the setting INTEGRAHUB_RECEIPT_KEY is missing. The operator can set it.",
    ),
    "receipt_not_a_post": Message(
        "O lote {batch_id} é uma operação do hub, não um envio, e não tem recibo. Peça o recibo do lote de origem "
        "(`parent_id`).",
        "The batch {batch_id} is an operation of the hub, not a post, and has no receipt. Request that of its origin "
        "(`parent_id`).",
    ),
    "bulk_operation_not_found": Message(
        "Não há reprocessamento com o id {operation_id}. Confira o id na lista de reprocessamentos.",
        "There is no replay operation with the id {operation_id}. Check the id in the list of operations.",
    ),
    "bulk_operation_ended": Message(
        "Este reprocessamento já terminou: não há o que parar.",
        "This replay operation has already ended: there is nothing to stop.",
    ),
    "replay_records_expired": Message(
        "Os registros do bloco {chunk} do lote {batch_id} não estão mais guardados. Envie o catálogo de novo.",
        "The records of chunk {chunk} of the batch {batch_id} are no longer stored. Post the catalogue again.",
    ),
    "replay_later_expired": Message(
        "O lote {batch_id}, recebido depois, continha os mesmos produtos e passou do prazo de retenção: sem ele, "
        "reprocessar poderia desfazer o que ele mudou. Envie o catálogo de novo.",
        "The batch {batch_id}, received later, contained the same products and is past its retention: without it, a "
        "replay could undo what it changed. Post the catalogue again.",
    ),
    "verify_nothing": Message(
        "Nada foi aplicado para o CNPJ {cnpj}: não há o que verificar. Confira o CNPJ com `integrahub pharmacy list`.",
        "Nothing was ever applied for the CNPJ {cnpj}: there is nothing to verify. Check the CNPJ with `integrahub "
        "pharmacy list`.",
    ),
}
