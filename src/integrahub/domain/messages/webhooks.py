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
        f"O destino {{host}} tem o endereço {{address}}, que {what.pt}. Use um destino público; para um destino "
        "interno, o operador pode liberá-lo em WEBHOOK_ALLOW.",
        f"The target {{host}} has the address {{address}}, which {what.en}. Use a public target; for an internal one, "
        "the operator can list it in WEBHOOK_ALLOW.",
    )
    for kind, what in _ADDRESS_KINDS.items()
}

WEBHOOK_MESSAGES: dict[str, Message] = {
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
        "que o operador libera em WEBHOOK_ALLOW.",
        "The target {host} can receive webhooks by https only. Use an `https://` URL; plain http is only for targets "
        "that the operator lists in WEBHOOK_ALLOW.",
    ),
    "webhook_port_invalid": Message(
        "`{port}` não é uma porta: espera-se um número de 1 a 65535, ou nenhum.",
        "`{port}` is not a port: expected is a number from 1 to 65535, or none.",
    ),
    "webhook_port_closed": Message(
        "Webhooks vão só para a porta 443, e a URL indica a porta {port}. Retire-a; outras portas são só para destinos "
        "que o operador libera em WEBHOOK_ALLOW.",
        "Webhooks go to port 443 only, and the URL names port {port}. Remove it; other ports are only for targets that "
        "the operator lists in WEBHOOK_ALLOW.",
    ),
    "webhook_host_invalid": Message(
        "`{host}` não é um nome de servidor válido. Espera-se um nome como `erp.exemplo.com.br`.",
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
