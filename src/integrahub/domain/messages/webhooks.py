"""Messages about webhooks: refused URLs and addresses, endpoints, deliveries."""

from integrahub.domain.messages.message import Message

# Each kind of address that is not public, as in `domain/webhooks/public_addresses.py`: what it is, in both languages.
_ADDRESS_KINDS = {
    "unspecified": Message("significa «esta máquina»", "means this machine"),
    "loopback": Message("é da própria máquina (loopback)", "is that of the machine itself (loopback)"),
    "private": Message("é de uma rede privada", "belongs to a private network"),
    "shared": Message("é da rede interna de um provedor (CGNAT)", "belongs to the inner network of a provider (CGNAT)"),
    "link_local": Message(
        "só existe no próprio segmento de rede, onde ficam serviços de metadados de nuvens",
        "exists only on its own network segment, where metadata services of clouds are",
    ),
    "protocol": Message("é reservado a protocolos", "is reserved for protocols"),
    "documentation": Message("é só para documentação", "is for documentation only"),
    "relay": Message("é de relés 6to4, fora de uso", "belongs to relays of 6to4, which are out of use"),
    "benchmark": Message("é para medições em laboratório", "is for measurements in laboratories"),
    "multicast": Message("é de um grupo de máquinas (multicast)", "is that of a group of machines (multicast)"),
    "broadcast": Message("é de todas as máquinas da rede", "is that of all machines of a network"),
    "reserved": Message("é reservado e não tem uso", "is reserved and has no use"),
    "site_local": Message("é de uma rede local antiga (IPv6)", "belongs to a local network of early IPv6"),
    "unique_local": Message("é de uma rede privada (IPv6)", "belongs to a private network of IPv6"),
    "translated": Message("é de um tradutor local de endereços (NAT64)", "belongs to a local translator (NAT64)"),
}
_ADDRESS_MESSAGES = {
    f"webhook_address_{kind}": Message(
        f"O destino {{host}} tem um endereço que {what.pt}. Use um destino público; para um destino "
        "interno, o operador pode liberá-lo em INTEGRAHUB_WEBHOOK_ALLOW.",
        f"The target {{host}} has an address that {what.en}. Use a public target; for an internal one, "
        "the operator can list it in INTEGRAHUB_WEBHOOK_ALLOW.",
    )
    for kind, what in _ADDRESS_KINDS.items()
}

WEBHOOK_MESSAGES: dict[str, Message] = {
    "webhooks_off": Message(
        "Este hub não sabe em que endereço os clientes o alcançam, e os webhooks trazem links para ele. O operador "
        "deve definir INTEGRAHUB_PUBLIC_URL.",
        "This hub does not know at which address clients reach it, and webhooks contain links to it. The operator has "
        "to set INTEGRAHUB_PUBLIC_URL.",
    ),
    "webhook_not_found": Message(
        "Não há endereço de webhook cadastrado para esta chave ou farmácia. Cadastre-o com `PUT` na mesma rota.",
        "No webhook address is set for this key or pharmacy. Set it with `PUT` on the same route.",
    ),
    "webhook_closed": Message(
        "O endereço está desativado ou foi excluído, e nada é enviado a ele. Conserte o receptor e ative-o com "
        "`POST /v1/webhook/enable`, ou cadastre outro.",
        "The address is disabled or was deleted, and nothing is sent to it. Repair the receiver and enable it with "
        "`POST /v1/webhook/enable`, or set another one.",
    ),
    "webhook_key_unstored": Message(
        "Esta chave vem da configuração do hub (INTEGRAHUB_VALID_API_KEYS), e um endereço de webhook precisa de uma "
        "chave gravada. Peça ao operador uma chave criada com `integrahub key create`.",
        "This key comes from the settings of the hub (INTEGRAHUB_VALID_API_KEYS), and a webhook address needs a stored "
        "key. Request a key made with `integrahub key create` from the operator.",
    ),
    "webhook_events_unfit": Message(
        "Este endereço não recebe: {events}. Os eventos possíveis são: {permitted}.",
        "This address does not receive: {events}. Possible events are: {permitted}.",
    ),
    "webhook_tests_limited": Message(
        "Este endereço já recebeu {quota} testes no último minuto. Tente de novo em {wait} s.",
        "This address had {quota} tests in the last minute. Try again in {wait} s.",
    ),
    "delivery_not_found": Message(
        "Não há entrega {delivery_id} entre as desta chave. As entregas são guardadas por 30 dias.",
        "There is no delivery {delivery_id} among those of this key. Deliveries are kept for 30 days.",
    ),
    "webhook_url_too_long": Message(
        "A URL tem {length} caracteres; o limite é {limit}. Use uma URL mais curta.",
        "The URL has {length} characters; the limit is {limit}. Use a shorter URL.",
    ),
    "webhook_url_malformed": Message(
        "`{url}` não é uma URL válida: espera-se `https://servidor/caminho`, sem espaços, barras invertidas ou "
        "caracteres que a URL deva trazer codificados com `%`.",
        "`{url}` is not a valid URL: expected is `https://host/path`, without blanks, backslashes or characters that a "
        "URL must encode with `%`.",
    ),
    "webhook_url_scheme": Message(
        "O esquema `{scheme}` não é aceito: espera-se uma URL que comece com `https://`.",
        "The scheme `{scheme}` is not accepted: expected is a URL that begins with `https://`.",
    ),
    "webhook_url_fragment": Message(
        "A URL `{url}` tem um fragmento (`#`), que nenhuma requisição leva. Retire-o.",
        "The URL `{url}` has a fragment (`#`), which no request carries. Remove it.",
    ),
    "webhook_url_user_info": Message(
        "A URL traz usuário ou senha antes do servidor (`@`). Retire-os e verifique `webhook-signature`.",
        "The URL contains a user or password in front of the host (`@`). Remove them, and verify `webhook-signature`.",
    ),
    "webhook_url_plain_http": Message(
        "O destino {host} só pode receber webhooks por https. Use uma URL `https://`; http sem TLS é só para destinos "
        "que o operador libera em INTEGRAHUB_WEBHOOK_ALLOW.",
        "The target {host} can receive webhooks by https only. Use an `https://` URL; plain http is only for targets "
        "that the operator lists in INTEGRAHUB_WEBHOOK_ALLOW.",
    ),
    "webhook_port_invalid": Message(
        "`{port}` não é uma porta: espera-se um número de 1 a 65535, ou nenhum.",
        "`{port}` is not a port: expected is a number from 1 to 65535, or none.",
    ),
    "webhook_port_closed": Message(
        "Webhooks vão só para a porta 443, e a URL indica a porta {port}. Retire-a; outras portas são só para destinos "
        "que o operador libera em INTEGRAHUB_WEBHOOK_ALLOW.",
        "Webhooks go to port 443 only, and the URL names port {port}. Remove it; other ports are only for targets that "
        "the operator lists in INTEGRAHUB_WEBHOOK_ALLOW.",
    ),
    "webhook_host_invalid": Message(
        "`{host}` não é um nome de servidor válido. Espera-se um nome como `erp.example.com`.",
        "`{host}` is not a valid host name. Expected is a name such as `erp.example.com`.",
    ),
    "webhook_host_unresolvable": Message(
        "O nome {host} não leva a nenhum endereço no DNS. Confira se foi digitado certo e já está publicado.",
        "The name {host} leads to no address in the DNS. Check that it is spelled right and already published.",
    ),
    "webhook_address_spelling": Message(
        "`{host}` é um endereço IPv4 em grafia incomum (decimal, octal, hexadecimal ou incompleta). Use um nome, ou "
        "quatro números decimais separados por pontos.",
        "`{host}` is an IPv4 address in an unusual spelling (decimal, octal, hexadecimal or incomplete). Use a name "
        "or four decimal numbers separated by dots.",
    ),
    "webhook_address_scoped": Message(
        "O endereço `{host}` indica uma interface de rede (`%`), que só tem sentido na própria máquina. Use um nome.",
        "The address `{host}` names a network interface (`%`), which only its own machine knows. Use a name.",
    ),
    **_ADDRESS_MESSAGES,
}
