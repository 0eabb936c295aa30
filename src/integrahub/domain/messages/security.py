"""Messages about keys, scopes, rate limits and connections."""

from integrahub.domain.messages.message import Message

SECURITY_MESSAGES: dict[str, Message] = {
    "key_missing": Message(
        "A requisição veio sem chave. Envie-a como `Authorization: Bearer CHAVE` ou `X-Api-Key: CHAVE`.",
        "The request has no key. Send it as `Authorization: Bearer KEY` or `X-Api-Key: KEY`.",
    ),
    "key_malformed": Message(
        "A chave parece incompleta ou digitada com erro: tem {length} de {expected} caracteres, e a soma de "
        "verificação não confere. Copie-a inteira, de `ihub_` até o fim.",
        "The key looks incomplete or mistyped: it has {length} of {expected} characters, and its checksum does not "
        "match. Copy the whole key, from `ihub_` to its end.",
    ),
    "key_invalid": Message(
        "A chave não é válida neste hub: está errada, é de outro hub ou foi revogada. Confira-a ou peça outra ao "
        "operador.",
        "The key is not valid in this hub: it is wrong, belongs to another hub, or was revoked. Check it, or request "
        "a new one from the operator.",
    ),
    "key_expired": Message(
        "A chave expirou em {expired_at}. Peça outra ao operador.",
        "The key expired at {expired_at}. Request a new one from the operator.",
    ),
    "pharmacy_not_registered": Message(
        "A farmácia {cnpj} não está cadastrada, e este hub não cadastra farmácias automaticamente. Peça o cadastro ao "
        "operador (`integrahub pharmacy add {cnpj}`).",
        "The pharmacy {cnpj} is not registered, and this hub does not register pharmacies automatically. The operator "
        "can register it (`integrahub pharmacy add {cnpj}`).",
    ),
    "pharmacies_limited": Message(
        "Esta chave atingiu o limite de {quota} farmácias novas a cada {seconds} s. Nada foi recebido; envie de novo "
        "em {wait} s.",
        "This key reached its limit of {quota} new pharmacies per {seconds} s. Nothing was accepted; send it again in "
        "{wait} s.",
    ),
    "scope_missing": Message(
        "Esta chave não tem o escopo `{scope}`. Peça ao operador uma chave com esse escopo.",
        "This key does not have the scope `{scope}`. Request a key with this scope from the operator.",
    ),
    "operator_only": Message(
        "Esta rota é só para operadores: envie em `X-Admin-Api-Key` uma chave com o escopo `{scope}`.",
        "This route is for operators only: send a key with the scope `{scope}` as `X-Admin-Api-Key`.",
    ),
    "other_pharmacy": Message(
        "Esta chave não dá acesso à farmácia {cnpj}. Use a chave dessa farmácia ou envie os produtos da sua.",
        "This key has no access to the pharmacy {cnpj}. Use that pharmacy's key, or send your own pharmacy's products.",
    ),
    "rate_limited": Message(
        "O limite de {quota} envios a cada {seconds} s foi atingido. Nada foi recebido; envie de novo em {wait} s.",
        "The limit of {quota} posts per {seconds} s is reached. Nothing was accepted; send it again in {wait} s.",
    ),
    "reads_limited": Message(
        "Esta chave atingiu o limite de {quota} consultas e alterações a cada {seconds} s. Tente de novo em {wait} s.",
        "This key reached its limit of {quota} reads and changes per {seconds} s. Try again in {wait} s.",
    ),
    "reads_at_once": Message(
        "Esta chave já tem {at_once} consultas ou alterações em andamento e outras na fila. Espere que terminem; "
        "tente de novo em {wait} s.",
        "This key already has {at_once} reads or changes in progress and more in the queue. Wait for them to end; try "
        "again in {wait} s.",
    ),
    "streams_limited": Message(
        "Já há fluxos de eventos demais abertos: são no máximo {per_key} por chave e {total} ao todo. Feche os que não "
        "usa, ou consulte GET /v1/batches/{{id}}; tente de novo em {wait} s.",
        "Too many event streams are open: at most {per_key} per key and {total} in total. Close those that you do not "
        "use, or poll GET /v1/batches/{{id}}; try again in {wait} s.",
    ),
    "read_too_slow": Message(
        "A consulta passou de {seconds} s e foi interrompida. Restrinja-a (`q`, `ean` ou `category` mais longos, "
        "`limit` menor, `cursor` em vez de `page`) e tente de novo.",
        "The read took longer than {seconds} s and was cancelled. Narrow it (a longer `q`, `ean` or `category`, a "
        "smaller `limit`, `cursor` instead of `page`) and try again.",
    ),
    "failed_keys_limited": Message(
        "Este endereço enviou mais de {quota} chaves inválidas em {seconds} s. Confira a chave e tente em {wait} s.",
        "This address sent more than {quota} wrong keys in {seconds} s. Check the key, and try again in {wait} s.",
    ),
    "connections_limited": Message(
        "O hub atingiu o limite de conexões, no total ou deste endereço. Tente de novo em {wait} s e reutilize as "
        "conexões.",
        "The hub reached its limit of connections, in total or from this address. Try again in {wait} s, and reuse "
        "connections.",
    ),
    "encoded_uploads_at_once": Message(
        "Esta chave já envia {at_once} corpos comprimidos ao mesmo tempo. Nada foi recebido; espere um deles terminar "
        "e envie de novo em {wait} s.",
        "This key already sends {at_once} compressed bodies at once. Nothing was accepted; wait until one of them "
        "ends, and send it again in {wait} s.",
    ),
    "hub_decoding": Message(
        "O hub já descomprime {at_once} corpos ao mesmo tempo, o limite dele. Nada foi recebido; envie de novo em "
        "alguns segundos.",
        "The hub already decodes {at_once} bodies at once, its limit. Nothing was accepted; send it again in a few "
        "seconds.",
    ),
    "body_inflates": Message(
        "O corpo em {encoding} se expande demais: {received} bytes recebidos já passaram do limite ao descomprimir. "
        "Envie-o sem compressão ou em partes.",
        "The {encoding} body expands too much: {received} received bytes already exceed the limit when decoded. Send "
        "it uncompressed or in parts.",
    ),
    # Creation of keys.
    "key_reserved": Message(
        "Chaves que começam com `ihub_` são geradas pelo hub. Escolha outra, ou omita `key` para o hub gerar uma.",
        "Keys that begin with `ihub_` are generated by the hub. Choose another, or omit `key` to have one generated.",
    ),
    "key_unsendable": Message(
        "Nenhum cliente consegue enviar esta chave: um cabeçalho HTTP não aceita {characters}. Use letras sem acento, "
        "algarismos e sinais, sem espaços e sem `Bearer ` no início.",
        "No client can send this key: an HTTP header cannot carry {characters}. Use ASCII letters, digits and signs, "
        "without blanks and without `Bearer ` in front.",
    ),
    "key_weak": Message(
        "Esta chave é fácil de adivinhar: esperam-se ao menos {least} caracteres, variados e sem repetição. Omita "
        "`key` para o hub gerar uma. Para manter chaves antigas, o operador pode ligar INTEGRAHUB_ALLOW_WEAK_KEYS.",
        "This key is easy to guess: at least {least} characters, varied and without repetition, are expected. Omit "
        "`key` to have one generated. To keep older keys, the operator can set INTEGRAHUB_ALLOW_WEAK_KEYS.",
    ),
    "key_expiry_past": Message(
        "A validade informada, {expires_at}, já passou. Informe um horário futuro ou nenhum.",
        "The expiry {expires_at} is in the past. Give a future time, or none.",
    ),
    "scopes_unfit": Message(
        "Os escopos {scopes} não podem ser combinados: uma chave tem só um de `viewer`, `operator` e `admin`, para "
        "todas as farmácias; `ingest` e `read` são para as demais chaves.",
        "The scopes {scopes} cannot be combined: a key has only one of `viewer`, `operator` and `admin`, for all "
        "pharmacies; `ingest` and `read` are for the other keys.",
    ),
    "key_not_found": Message(
        "Não há chave ativa com esse id. Veja as chaves com `integrahub key list`.",
        "There is no active key with this id. List the keys with `integrahub key list`.",
    ),
    "key_taken": Message(
        "Esta chave já é de outra farmácia; nada mudou. Escolha outra, ou omita `key` para o hub gerar uma.",
        "This key already belongs to another pharmacy; nothing changed. Choose another, or omit `key` to have one "
        "generated.",
    ),
    "key_shown_once": Message(
        "Guarde a chave: ela só aparece uma vez.",
        "Keep the key: it is shown only once.",
    ),
}
