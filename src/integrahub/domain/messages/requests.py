"""Messages about requests: headers, parameters, things not found, and dependencies."""

from integrahub.domain.messages.message import Message

REQUEST_MESSAGES: dict[str, Message] = {
    # Requests that cannot be read.
    "http_unreadable": Message(
        "O que chegou não é uma requisição HTTP/1.1 válida. Confira o cliente e o proxy; para TLS, use a porta https.",
        "What arrived is not a valid HTTP/1.1 request. Check the client and the proxy; for TLS, use the https port.",
    ),
    "head_slow": Message(
        "Os cabeçalhos da requisição não chegaram em {seconds} s. Confira a rede e envie de novo.",
        "The headers of the request did not arrive within {seconds} s. Check the network and send it again.",
    ),
    "head_too_large": Message(
        "Os cabeçalhos da requisição passam de {limit} bytes. Envie menos cabeçalhos, ou mais curtos.",
        "The headers of the request exceed {limit} bytes. Send fewer or shorter headers.",
    ),
    "body_timeout": Message(
        "O corpo parou de chegar depois de {received} bytes, ou chega devagar demais. Confira a rede e envie de novo.",
        "The body stopped arriving after {received} bytes, or arrives too slowly. Check the network and send it again.",
    ),
    "request_too_large": Message(
        "O corpo passa de {limit} bytes, o limite desta rota. Divida a requisição em partes menores.",
        "The body exceeds {limit} bytes, the limit of this route. Divide the request into smaller ones.",
    ),
    "request_unreadable": Message(
        "A requisição não pode ser lida: {reason}.",
        "The request cannot be read: {reason}.",
    ),
    "route_not_found": Message(
        "{method} {path} não existe. Veja as rotas em /docs.",
        "{method} {path} does not exist. See /docs for the routes.",
    ),
    "method_unknown": Message(
        "{path} não aceita {method}; aceita {allowed}. Veja as rotas em /docs.",
        "{path} does not accept {method}; it accepts {allowed}. See /docs for the routes.",
    ),
    "parameter_unknown": Message(
        "O parâmetro {name!r} não existe nesta rota; {nearest}. Corrija o nome ou retire-o.",
        "This route has no parameter {name!r}; {nearest}. Correct its name or remove it.",
    ),
    # Headers of a post.
    "load_type_missing": Message(
        "Falta o cabeçalho X-Inova-Load-Type: informe `full` para o catálogo inteiro ou `delta` para alterações.",
        "The header X-Inova-Load-Type is missing: send `full` for a whole catalogue or `delta` for changes.",
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
    "dry_run_invalid": Message(
        "X-Inova-Dry-Run é '{value}'; o valor deve ser true ou false. Corrija o cabeçalho, ou retire-o para gravar.",
        "X-Inova-Dry-Run is '{value}'; it must be true or false. Correct the header, or leave it out to load for real.",
    ),
    "idempotency_key_long": Message(
        "Idempotency-Key tem {length} caracteres; o máximo é 255. Use uma chave mais curta, por exemplo um UUID.",
        "Idempotency-Key has {length} characters; the maximum is 255. Use a shorter key, for example a UUID.",
    ),
    "idempotency_key_reused": Message(
        "Esta Idempotency-Key já foi usada com outro corpo ou tipo de carga. Use uma chave nova para conteúdo novo, ou "
        "envie os mesmos bytes e o mesmo tipo.",
        "This Idempotency-Key was already used with another body or load type. Use a new key for new content, or send "
        "the same bytes and load type again.",
    ),
    "item_count_unreadable": Message(
        "X-Inova-Item-Count é {value!r}; esperava-se o número de registros do corpo.",
        "X-Inova-Item-Count is {value!r}; expected the number of records in the body.",
    ),
    # CNPJs.
    "cnpj_missing": Message(
        "Falta o CNPJ: nem a chave nem o CNPJ do primeiro registro indicam a farmácia. Informe-o nos registros ou com "
        "?cnpj=.",
        "The CNPJ is missing: neither the key nor the CNPJ of the first record names the pharmacy. Send it in the "
        "records or as ?cnpj=.",
    ),
    "cnpj_not_named": Message(
        "Falta o CNPJ: esta chave não é de uma só farmácia; informe qual com ?cnpj= (ou no corpo).",
        "The CNPJ is missing: this key is not for a single pharmacy; name one with ?cnpj= (or in the body).",
    ),
    "cnpj_shape": Message(
        "{value!r} não é um CNPJ: esperam-se 14 caracteres, 12 de 0-9 A-Z e 2 dígitos.",
        "{value!r} is not a CNPJ: expected 14 characters, 12 of 0-9 A-Z and 2 digits.",
    ),
    "cnpj_check_digits": Message(
        "{value!r} não é um CNPJ: os dígitos verificadores não conferem. Corrija o número.",
        "{value!r} is not a CNPJ: its check digits are wrong. Correct the number.",
    ),
    "cnpj_typo": Message(
        "{value!r} não é um CNPJ: os dígitos verificadores não conferem. Seria {suggestion}? Corrija o número.",
        "{value!r} is not a CNPJ: its check digits are wrong. Did you mean {suggestion}? Correct the number.",
    ),
    # Queries.
    "value_unreadable": Message(
        "{name} é {value!r}; esperava-se {expected}.",
        "{name} is {value!r}; expected {expected}.",
    ),
    "value_invalid": Message(
        "Um valor da requisição não pode ser usado: está fora da faixa, tem o caractere NUL ou não é do tipo esperado. "
        "Corrija-o.",
        "A value of the request cannot be used: it is out of range, contains the character NUL, or has the wrong type. "
        "Correct it.",
    ),
    "query_has_nul": Message(
        "A consulta contém o caractere NUL; remova-o.",
        "The query contains the character NUL; remove it.",
    ),
    "query_too_long": Message(
        "{name} tem {length} caracteres; o máximo é {limit}. Busque por um texto mais curto.",
        "{name} has {length} characters; the maximum is {limit}. Search for a shorter text.",
    ),
    "cursor_invalid": Message(
        "O cursor não foi fornecido por esta consulta; recomece sem ele.",
        "The cursor was not returned by this query; start again without it.",
    ),
    "cursor_expired": Message(
        "O cursor é mais antigo que o histórico de mudanças, que guarda {days} dias. Recomece sem cursor: o catálogo "
        "inteiro vem primeiro.",
        "The cursor is older than the record of changes, which is kept for {days} days. Start again without a cursor: "
        "the whole catalogue comes first.",
    ),
    "filter_missing": Message(
        "Falta o filtro: informe ids, batch_id, cnpj, error ou since.",
        "The filter is missing: give ids, batch_id, cnpj, error or since.",
    ),
    # Things that do not exist, or no longer.
    "pharmacy_not_found": Message(
        "A farmácia {cnpj} não existe neste hub: nada foi enviado por ela ainda.",
        "The pharmacy {cnpj} does not exist in this hub: nothing was posted for it yet.",
    ),
    "product_not_found": Message(
        "O produto {product_id} não existe na farmácia {cnpj}: nenhum lote o trouxe. Confira o código.",
        "The product {product_id} does not exist in the pharmacy {cnpj}: no batch contained it. Check the product id.",
    ),
    "batch_not_found": Message(
        "O lote {batch_id} não existe entre os que esta chave pode ver.",
        "The batch {batch_id} does not exist among those that this key can see.",
    ),
    "dead_letter_not_found": Message(
        "Não há falha definitiva {letter_id}. Veja as existentes com `integrahub dead list`.",
        "There is no dead letter {letter_id}. List the dead letters with `integrahub dead list`.",
    ),
    "records_damaged": Message(
        "O armazenamento do hub danificou os registros deste lote; eles não podem ser lidos. Envie-os de novo a partir "
        "do seu sistema e avise o operador.",
        "The hub's storage damaged the records of this batch, so they cannot be read. Post them again from your "
        "system, and notify the operator.",
    ),
    "records_expired": Message(
        "Os registros deste lote passaram do prazo de retenção e foram removidos.",
        "The records of this batch are past their retention and were removed.",
    ),
    "batch_unfinished": Message(
        "O lote {batch_id} ainda não terminou. Espere finished_at em GET /v1/batches/{batch_id} e tente de novo.",
        "Batch {batch_id} is not final yet. Wait for finished_at in GET /v1/batches/{batch_id}, then try again.",
    ),
    "history_off": Message(
        "Este hub não guarda os valores anteriores (INTEGRAHUB_HISTORY=off), por isso não pode mostrar o que mudou. "
        "Peça ao operador INTEGRAHUB_HISTORY=on.",
        "This hub does not record former values (INTEGRAHUB_HISTORY=off), so it cannot show what changed. Ask the "
        "operator to set INTEGRAHUB_HISTORY=on.",
    ),
    "changes_expired": Message(
        "As mudanças do lote {batch_id} passaram do prazo de guarda e foram apagadas. Os contadores continuam em GET "
        "/v1/batches/{batch_id}.",
        "The changes of batch {batch_id} are past their retention and were deleted. Its counters are still in GET "
        "/v1/batches/{batch_id}.",
    ),
    "report_expired": Message(
        "O relatório do lote {batch_id} passou do prazo de retenção ({days} dias) e foi removido.",
        "The report of the batch {batch_id} is past its retention ({days} days) and was removed.",
    ),
    # Overload, dependencies and faults of the hub.
    "dependency_unavailable": Message(
        "Uma dependência do hub (banco de dados ou armazenamento) está indisponível. Tente de novo em {wait} s; um "
        "envio que já tenha sido recebido é reconhecido.",
        "A dependency of the hub (database or storage) is unavailable. Try again in {wait} s; a post that was already "
        "accepted is recognised.",
    ),
    "backlog_long": Message(
        "{waiting} registros ainda esperam ser aplicados; o limite é {bound}. Nada foi recebido; envie de novo depois "
        "do tempo em Retry-After.",
        "{waiting} records still wait to be applied; the limit is {bound}. Nothing was accepted; send it again after "
        "the time in Retry-After.",
    ),
    "commit_queue_full": Message(
        "Muitos envios esperam para ser gravados neste momento. Nada foi recebido; envie de novo depois do tempo em "
        "Retry-After.",
        "Too many posts wait to be stored at the moment. Nothing was accepted; send it again after the time in "
        "Retry-After.",
    ),
    "turn_busy": Message(
        "O hub está concluindo outro lote desta farmácia e não conseguiu gravar este a tempo. Nada foi recebido; envie "
        "de novo depois do tempo em Retry-After.",
        "The hub is finishing another batch of this pharmacy and could not store this one in time. Nothing was "
        "accepted; send it again after the time in Retry-After.",
    ),
    "internal_error": Message(
        "O hub falhou nesta requisição. Tente de novo; se persistir, o operador encontra o motivo nos logs pelo "
        "trace_id.",
        "The hub failed on this request. Try again; if it persists, the operator finds the cause in the logs by the "
        "trace_id.",
    ),
    "check_timed_out": Message("não respondeu em {seconds} s", "did not answer within {seconds} s"),
    "check_refused": Message("recusou a conexão", "refused the connection"),
    "check_paused": Message(
        "falhou várias vezes seguidas ({reason}); o hub tenta de novo em {seconds} s",
        "failed several times in a row ({reason}); the hub tries again in {seconds} s",
    ),
    "check_failed": Message("falhou: {reason}", "failed: {reason}"),
    "check_unexplained": Message("falhou; veja os logs", "failed; see the logs"),
}
