"""Texts of the business dashboard in Portuguese: title and description of each panel, by its English title."""

TITLE = "IntegraHub: negócio"

PANELS = {
    "Batches of 24 h by status": ("Lotes de 24 h por situação", "Lotes que terminaram nas últimas 24 horas."),
    "Pharmacies that posted": ("Farmácias que enviaram", "Farmácias com ao menos um envio no período."),
    "Products ingested": (
        "Produtos recebidos",
        "Registros aplicados no período: novos, alterados, iguais e unificados.",
    ),
    "New, updated, unchanged (24 h)": (
        "Novos, alterados, iguais (24 h)",
        "Quanto do que chegou mudou algo. Quase tudo igual é normal em FULLs diários.",
    ),
    "Success of batches (24 h)": (
        "Lotes com sucesso (24 h)",
        "Parte dos lotes que não falharam; os cancelados não contam. Meta: 99,5 %.",
    ),
    "Success of retries (1 h)": ("Novas tentativas com sucesso (1 h)", "Blocos salvos por nova tentativa. Meta: 95 %."),
    "Mean time of a batch": ("Tempo médio de um lote", "Do recebimento ao fim. Meta: menos de 5 minutos."),
    "Active and inactive products": (
        "Produtos ativos e inativos",
        "Uma queda dos ativos pede que se veja o FULL que a causou.",
    ),
    "Batches a minute by status": ("Lotes por minuto, por situação", "Ritmo em que os lotes terminam."),
    "Products by result (30 d)": ("Produtos por resultado (30 d)", "O que aconteceu com os registros de 30 dias."),
    "Deactivations that wait for a decision": (
        "Desativações que aguardam decisão",
        "FULLs que desativariam produtos demais. Decida no console, em Decisões.",
    ),
    "Silent pharmacies": (
        "Farmácias sem enviar",
        "Sem envio há 1,5 vez o maior intervalo dos últimos 50. Veja o motivo no console, em Farmácias.",
    ),
    "Webhooks a second": ("Webhooks por segundo", "Tentativas de entrega, por resultado."),
    "Failed attempts a second": ("Tentativas com falha por segundo", "Por código do erro."),
    "Webhooks that wait": ("Webhooks em espera", "A enviar agora, agendados, ou de endereços suspensos."),
    "Longest wait of a due webhook": ("Maior espera de um webhook", "Acima de um minuto, verifique o processo notify."),
    "Duration of attempts (P95)": ("Duração das tentativas (P95)", "Perto de 15 s, os destinos não respondem."),
    "Webhook endpoints": ("Endereços de webhook", "Ativos, com falha e suspensos."),
    "Batches of 30 d by status": ("Lotes de 30 d por situação", "Lotes que terminaram nos últimos 30 dias."),
}
