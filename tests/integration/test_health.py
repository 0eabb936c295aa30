"""Health: concurrent requests share one check."""

import asyncio

import pytest

from integrahub.domain.errors import Transient
from integrahub.monitoring.dependency_messages import describe_failure
from integrahub.resilience.circuit_breaker import CircuitOpen
from integrahub.settings.model import Settings
from integrahub.storage.circuit_breaking import CircuitBreakingStorage
from tests.integration.conftest import CNPJ, Client, running


async def test_many_who_ask_at_once_cost_one_look_at_the_dependencies(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    check = CircuitBreakingStorage.check

    async def counted(self: CircuitBreakingStorage) -> None:
        nonlocal looks
        looks += 1
        await check(self)

    monkeypatch.setattr(CircuitBreakingStorage, "check", counted)
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
            CircuitOpen("bus", 3.2, "gone"),
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


async def test_metrics_and_details_of_health_are_for_viewers_where_others_reach_the_port(settings: Settings) -> None:
    async with running(settings.model_copy(update={"host": "0.0.0.0"}), []) as client:
        viewer = (await client.admin("POST", "/admin/keys", {"cnpjs": "all", "scopes": ["viewer"]}))["api_key"]
        pharmacy = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        for key, status in (("", 401), (pharmacy, 403), ("wrong", 401)):
            headers = {"X-Api-Key": key} if key else {}
            assert (await client.http.get("/metrics", headers=headers)).status_code == status
            health = await client.http.get("/health", headers=headers)
            assert (health.status_code, health.json().keys()) == (200, {"status", "timestamp"})
        assert "integrahub_http" in (await client.http.get("/metrics", headers={"X-Api-Key": viewer})).text
        assert (await client.get("/health", viewer))["checks"].keys() == {"postgresql", "storage", "bus"}


@pytest.mark.parametrize(
    ("host", "wanted", "is_public"),
    [
        ("127.0.0.1", None, True),
        ("::1", None, True),
        ("0.0.0.0", None, False),
        ("10.0.0.7", None, False),
        ("10.0.0.7", True, True),
        ("127.0.0.1", False, False),
    ],
)
def test_metrics_are_public_on_loopback_and_where_asked_for(host: str, wanted: bool | None, is_public: bool) -> None:
    assert Settings(host=host, metrics_public=wanted).is_insight_public is is_public
