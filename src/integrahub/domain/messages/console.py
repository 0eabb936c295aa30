"""Messages of the console alone: sign-in, roles, passwords, second factors, and acts on its pages."""

from integrahub.domain.messages.message import Message

CONSOLE_MESSAGES: dict[str, Message] = {
    "sign_in_needed": Message(
        "Entre para ver esta página: a sessão terminou ou ainda não começou.",
        "Sign in to see this page: the session has ended, or has not begun.",
    ),
    "sign_in_wrong": Message(
        "Nome, senha ou código não conferem. Confira-os; se esqueceu a senha, peça a um administrador um link novo "
        "(`integrahub user reset NOME`).",
        "Name, password or code do not match. Check them; if you forgot the password, request a new link from an "
        "administrator (`integrahub user reset NAME`).",
    ),
    "sign_in_limited": Message(
        "Houve tentativas demais com este nome ou deste endereço: mais de {quota} a cada {seconds} s. Tente de novo em "
        "{wait} s.",
        "There were too many attempts with this name or from this address: more than {quota} per {seconds} s. Try "
        "again in {wait} s.",
    ),
    "sign_in_busy": Message(
        "O hub verifica senhas demais neste momento. Tente de novo em instantes.",
        "The hub is checking too many passwords at the moment. Try again shortly.",
    ),
    "cross_site": Message(
        "O formulário veio de outro site, por isso nada foi feito. Abra a página no console e repita a ação.",
        "The form came from another site, so nothing was done. Open the page in the console and repeat the action.",
    ),
    "role_missing": Message(
        "Seu papel não permite isto: é preciso o papel `{role}`. Peça a um administrador.",
        "Your role does not permit this: the role `{role}` is required. Request it from an administrator.",
    ),
    "password_needed": Message(
        "Digite sua senha de novo para confirmar: faz mais de 10 minutos desde a última vez. Nada foi feito.",
        "Type your password again to confirm: the last time was more than 10 minutes ago. Nothing was done.",
    ),
    "password_wrong": Message(
        "A senha não confere. Nada foi feito; digite-a de novo.",
        "The password does not match. Nothing was done; type it again.",
    ),
    "password_short": Message(
        "A senha precisa de {least} a {most} caracteres. Uma frase de várias palavras serve bem.",
        "A password has {least} to {most} characters. A phrase of several words is a good one.",
    ),
    "password_easy": Message(
        "Esta senha é fácil de adivinhar: é muito usada, repete caracteres ou contém o nome. Escolha outra.",
        "This password is easy to guess: it is widely used, repeats characters, or contains the name. Choose another.",
    ),
    "link_invalid": Message(
        "O link não vale mais: ele serve uma vez, por uma hora. Peça outro: `integrahub user reset NOME`.",
        "The link is no longer valid: it works once, for an hour. Request another: `integrahub user reset NAME`.",
    ),
    "code_wrong": Message(
        "O código não confere ou já foi usado. Confira o relógio do telefone e digite o código seguinte.",
        "The code does not match, or was used already. Check the clock of the phone, and type the next code.",
    ),
    "second_factor_needed": Message(
        "Este hub exige um segundo fator: ative-o na página Meus dados antes de continuar.",
        "This hub requires a second factor: enable it on the page My account first.",
    ),
    "second_factor_off": Message(
        "Este hub não usa segundo fator (INTEGRAHUB_CONSOLE_TOTP=off).",
        "This hub uses no second factor (INTEGRAHUB_CONSOLE_TOTP=off).",
    ),
    "user_not_found": Message(
        "Não há pessoa com este nome ou número. `integrahub user list` mostra todas.",
        "There is no person with this name or number. `integrahub user list` shows all.",
    ),
    "user_taken": Message(
        "Já há uma pessoa com o nome {name}. Escolha outro.",
        "There is a person with the name {name} already. Choose another.",
    ),
    "user_invalid": Message(
        "O nome ou o e-mail não serve: {reason}.",
        "The name or e-mail address cannot be used: {reason}.",
    ),
    "user_last_admin": Message(
        "É a última pessoa que administra o console; dê antes o papel de administrador a outra.",
        "This is the last administrator of the console; give the role admin to another person first.",
    ),
    "user_not_removed": Message(
        "O nome só pode ser apagado da auditoria depois que a pessoa for removida.",
        "The name can be erased from the audit log only after the person was removed.",
    ),
    "session_not_found": Message("A sessão já terminou.", "The session has ended already."),
    "count_not_confirmed": Message(
        "Você digitou {typed!r}, mas agora seriam desativados {count} produtos. Nada mudou: confira a lista e digite "
        "{count}.",
        "You typed {typed!r}, but {count} products would be deactivated now. Nothing changed: check the list and type "
        "{count}.",
    ),
    "failure_not_found": Message(
        "Não há causa de falha com essa impressão. Veja a lista de falhas.",
        "There is no cause of failure with this fingerprint. See the list of failures.",
    ),
    "mute_invalid": Message(
        "Para silenciar uma causa, informe uma data futura, no máximo daqui a um ano, e uma nota que diga por quê.",
        "To mute a cause, give a future date, at most a year ahead, and a note with the reason.",
    ),
    "replay_nothing_open": Message(
        "Nenhuma falha definitiva em aberto corresponde ao filtro: nada foi reprocessado. Talvez já estejam sendo "
        "reprocessadas.",
        "No open dead letter matches the filter: nothing is replayed. Perhaps they are already being replayed.",
    ),
}
