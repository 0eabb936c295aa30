"""Health: asked by anybody, so one look serves all who ask at once."""

import asyncio

import pytest

from integrahub.api.dependency_checks import describe_failure
from integrahub.domain.breakers import BreakerOpen
from integrahub.domain.errors import Transient
from integrahub.storage.guarded import GuardedStorage
from tests.integration.conftest import Client


async def test_many_who_ask_at_once_cost_one_look_at_the_dependencies(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    check = GuardedStorage.check

    async def counted(self: GuardedStorage) -> None:
        nonlocal looks
        looks += 1
        await check(self)

    monkeypatch.setattr(GuardedStorage, "check", counted)
    answers = await asyncio.gather(*(client.http.get("/health") for _ in range(50)))
    answers += [await client.http.get("/health") for _ in range(20)]
    assert {answer.status_code for answer in answers} == {200}
    assert looks <= 5  # one a second, on a slow machine too


def _chained(cause: Exception) -> Transient:
    fault = Transient("Storage did not do what was asked")
    fault.__cause__ = cause
    return fault


@pytest.mark.parametrize(
    ("fault", "pt", "en"),
    [
        (TimeoutError(), "não respondeu em 5 s", "did not answer within 5 s"),
        (_chained(TimeoutError()), "não respondeu em 5 s", "did not answer within 5 s"),
        (_chained(ConnectionRefusedError(111, "x")), "recusou a conexão", "refused the connection"),
        (Transient("S3: no such bucket\nat x"), "falhou: S3: no such bucket", "failed: S3: no such bucket"),
        (
            BreakerOpen("bus", 3.2, "gone"),
            "falhou várias vezes seguidas (gone)",
            "failed several times in a row (gone)",
        ),
        (ValueError(), "falhou; veja os logs", "failed; see the logs"),
    ],
)
def test_a_check_that_fails_is_put_into_words_and_never_into_an_exceptions_name(
    fault: Exception, pt: str, en: str
) -> None:
    told = describe_failure(fault, 5.0)
    assert told.pt.startswith(pt) and told.en.startswith(en)
    assert "Error" not in told.pt + told.en
