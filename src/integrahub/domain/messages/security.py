"""What the hub tells where it guards itself: keys, scopes, limits, bodies that cost too much."""

from collections.abc import Mapping
from typing import NamedTuple

from integrahub.domain.languages import Language


class Message(NamedTuple):
    """One message in both languages: what happened, what was expected, what to do."""

    pt: str
    en: str

    def in_language(self, language: Language) -> str:
        """Return the message in one of them."""
        return self.pt if language is Language.PT else self.en


def put(sentence: Message, facts: Mapping[str, object]) -> Message:
    """Put facts into a sentence; of a fact that is a Sentence itself each language gets its own."""
    both = {name: _in_both(name, fact) for name, fact in facts.items()}
    pt = {name: fact.pt if isinstance(fact, Message) else fact for name, fact in both.items()}
    en = {name: fact.en if isinstance(fact, Message) else fact for name, fact in both.items()}
    return Message(sentence.pt.format(**pt), sentence.en.format(**en))


def _in_both(name: str, fact: object) -> object:
    """Counts are written as each language writes large numbers."""
    if name not in _COUNTS or not isinstance(fact, int):
        return fact
    english = f"{fact:,}"
    return Message(english.replace(",", "."), english)


_COUNTS = frozenset({"candidates", "active"})

# code -> both languages; {braces} are facts.
MESSAGES: dict[str, Message] = {
    "key_missing": Message(
        "A requisição veio sem chave. Envie-a como `Authorization: Bearer CHAVE` ou `X-Api-Key: CHAVE`.",
        "The request came without a key. Send it as `Authorization: Bearer KEY` or `X-Api-Key: KEY`.",
    ),
    "key_malformed": Message(
        "A chave parece incompleta ou digitada com erro: {length} de {expected} caracteres, e a conferência dela não "
        "fecha. Copie-a inteira, de `ihub_` até o fim.",
        "The key looks incomplete or mistyped: {length} of {expected} characters, and its checksum does not match. "
        "Copy all of it, from `ihub_` to its end.",
    ),
    "key_invalid": Message(
        "A chave não vale neste hub: está errada, é de outro hub ou foi revogada. Confira-a ou peça outra ao operador.",
        "The key is not valid in this hub: it is wrong, of another hub, or revoked. Check it, or ask the operator for "
        "another.",
    ),
    "key_expired": Message(
        "A chave expirou em {expired_at}. Peça outra ao operador.",
        "The key expired at {expired_at}. Ask the operator for another.",
    ),
    "pharmacy_not_registered": Message(
        "A farmácia {cnpj} não está cadastrada, e este hub não cadastra farmácias por envio. Peça o cadastro ao "
        "operador (`integrahub pharmacy add {cnpj}`).",
        "The pharmacy {cnpj} is not registered, and this hub registers none by a post. Ask the operator to register it "
        "(`integrahub pharmacy add {cnpj}`).",
    ),
    "pharmacies_limited": Message(
        "O limite de {quota} farmácias novas a cada {seconds} s desta chave foi atingido. Nada foi recebido; envie de "
        "novo em {wait} s.",
        "This key's limit of {quota} new pharmacies in {seconds} s is reached. Nothing was taken in; send it again in "
        "{wait} s.",
    ),
    "scope_missing": Message(
        "Esta chave não tem o escopo `{scope}`. Peça ao operador uma chave que o tenha.",
        "This key does not have the scope `{scope}`. Ask the operator for a key that has it.",
    ),
    "rate_limited": Message(
        "O limite de {quota} envios a cada {seconds} s foi atingido. Nada foi recebido; envie de novo em {wait} s.",
        "The limit of {quota} posts in {seconds} s is reached. Nothing was taken in; send it again in {wait} s.",
    ),
    "reads_limited": Message(
        "O limite de {quota} consultas a cada {seconds} s desta chave foi atingido. Consulte de novo em {wait} s.",
        "This key's limit of {quota} reads in {seconds} s is reached. Read again in {wait} s.",
    ),
    "reads_at_once": Message(
        "Esta chave já tem {at_once} consultas em andamento e outras na fila. Espere a resposta delas; tente em "
        "{wait} s.",
        "This key has {at_once} reads under way and others waiting. Wait for their answers; try again in {wait} s.",
    ),
    "read_too_slow": Message(
        "A consulta passou de {seconds} s e foi interrompida. Restrinja-a (`q` mais longo, `ean`, `category`, `limit` "
        "menor, `cursor` em vez de `page`) e tente de novo.",
        "The read took longer than {seconds} s and was ended. Narrow it (a longer `q`, `ean`, `category`, a smaller "
        "`limit`, `cursor` in place of `page`) and try again.",
    ),
    "query_too_long": Message(
        "{name} tem {length} caracteres; aceitam-se no máximo {limit}. Procure por menos texto.",
        "{name} has {length} characters; at most {limit} are taken. Search for less text.",
    ),
    "failed_keys_limited": Message(
        "Este endereço enviou mais de {quota} chaves inválidas em {seconds} s. Confira a chave e tente em {wait} s.",
        "This address sent more than {quota} wrong keys in {seconds} s. Check the key, and try again in {wait} s.",
    ),
    "key_reserved": Message(
        "Chaves que começam com `ihub_` são geradas pelo hub. Escolha outra, ou gere uma sem informar `key`.",
        "Keys that begin with `ihub_` are made by the hub. Choose another, or have one made by leaving `key` out.",
    ),
    "key_unsendable": Message(
        "Nenhum cliente consegue enviar esta chave: um cabeçalho HTTP não leva {characters}. Use letras sem acento, "
        "algarismos e sinais, sem espaços (também não comece com `Bearer `).",
        "No client can send this key: an HTTP header does not carry {characters}. Use ASCII letters, digits and signs "
        "without blanks (nor `Bearer ` in front).",
    ),
    "key_weak": Message(
        "Esta chave é fácil de adivinhar: esperam-se ao menos {least} caracteres, variados e sem repetição. Deixe "
        "`key` de fora para o hub gerar uma. Para manter chaves antigas, o operador liga ALLOW_WEAK_KEYS.",
        "This key is easy to guess: at least {least} characters, varied and without repetition, are expected. Leave "
        "`key` out to have one made. To keep older keys, the operator sets ALLOW_WEAK_KEYS.",
    ),
    "key_expiry_past": Message(
        "A chave terminaria em {expires_at}, que já passou. Informe um horário futuro, ou nenhum.",
        "The key would end at {expires_at}, which has passed. Give a time to come, or none.",
    ),
    "scopes_unfit": Message(
        "Os escopos {scopes} não podem ser combinados: `viewer`, `operator` e `admin` são um só por chave, e de "
        "todas as farmácias; `ingest` e `read` são das outras.",
        "The scopes {scopes} do not go together: a key has one of `viewer`, `operator` and `admin`, and is for all "
        "pharmacies; `ingest` and `read` are for the others.",
    ),
    "key_not_found": Message(
        "Não há chave ativa com esse id.",
        "There is no live key by that id.",
    ),
    "key_taken": Message(
        "Esta chave já é de outra farmácia; nada mudou. Escolha outra, ou gere uma.",
        "This key is another pharmacy's already; nothing was changed. Choose another, or have one made.",
    ),
    "operator_only": Message(
        "Esta rota é do operador: envie em `X-Admin-Api-Key` uma chave com o escopo `{scope}`.",
        "This route is the operator's: send a key with the scope `{scope}` as `X-Admin-Api-Key`.",
    ),
    "cnpj_typo": Message(
        "{value!r} não é um CNPJ: os dígitos verificadores não conferem. Seria {suggestion}? Corrija o número.",
        "{value!r} is not a CNPJ: its check digits are wrong. Is it {suggestion}? Correct the number.",
    ),
    "body_inflates": Message(
        "O corpo em {encoding} expande demais: {received} bytes recebidos já deram mais do que se aceita. Envie-o sem "
        "compressão ou em partes.",
        "The {encoding} body expands too much: the {received} bytes received already gave more than is taken. Send it "
        "without encoding, or in parts.",
    ),
    "request_too_large": Message(
        "O corpo passa de {limit} bytes, o limite desta rota. Divida o pedido em partes menores.",
        "The body is over {limit} bytes, the limit of this route. Divide the request into smaller ones.",
    ),
    "encoded_uploads_at_once": Message(
        "Esta chave já envia {at_once} corpos comprimidos ao mesmo tempo. Nada foi recebido; espere um deles terminar "
        "e envie de novo em {wait} s.",
        "This key already sends {at_once} encoded bodies at once. Nothing was taken in; wait for one of them to end, "
        "and send it again in {wait} s.",
    ),
    "hub_decoding": Message(
        "O hub já descomprime {at_once} corpos ao mesmo tempo. Nada foi recebido; envie de novo em instantes.",
        "The hub already decodes {at_once} bodies at once. Nothing was taken in; send it again shortly.",
    ),
    # What is wrong with a dependency.
    "check_timed_out": Message("não respondeu em {seconds} s", "did not answer within {seconds} s"),
    "check_refused": Message("recusou a conexão", "refused the connection"),
    "check_paused": Message(
        "falhou várias vezes seguidas ({told}); o hub tenta de novo em {seconds} s",
        "failed several times in a row ({told}); the hub tries again in {seconds} s",
    ),
    "check_failed": Message("falhou: {told}", "failed: {told}"),
    "check_unexplained": Message("falhou; veja os logs", "failed; see the logs"),
    "parameter_unknown": Message(
        "O parâmetro {name!r} não existe nesta rota; {nearest}. Corrija o nome ou retire-o.",
        "This route has no parameter {name!r}; {nearest}. Correct its name or leave it out.",
    ),
    # Before a request could be read.
    "http_unreadable": Message(
        "O que chegou não é uma requisição HTTP/1.1 válida. Confira o cliente e o proxy; para TLS use a porta https.",
        "What arrived is not a valid HTTP/1.1 request. Check the client and the proxy; for TLS use the https port.",
    ),
    "head_slow": Message(
        "Os cabeçalhos da requisição não chegaram em {seconds} s. Confira a rede e envie de novo.",
        "The headers of the request did not arrive within {seconds} s. Check the network and send it again.",
    ),
    "head_too_large": Message(
        "Os cabeçalhos da requisição passam de {limit} bytes. Envie menos cabeçalhos, ou mais curtos.",
        "The headers of the request are over {limit} bytes. Send fewer or shorter headers.",
    ),
    "connections_limited": Message(
        "O hub não aceita mais conexões agora, ao todo ou deste endereço. Tente de novo em {wait} s e reutilize "
        "conexões.",
        "The hub accepts no more connections now, in all or from this address. Try again in {wait} s, and reuse "
        "connections.",
    ),
    "body_timeout": Message(
        "O corpo parou de chegar depois de {received} bytes, ou chega devagar demais. Confira a rede e envie de novo.",
        "The body stopped coming after {received} bytes, or comes too slowly. Check the line and send it again.",
    ),
}
