"""What is old goes, whatever the storage; what somebody may still need stays."""

from pathlib import Path

import pytest

from integrahub.settings import Settings
from integrahub.storage.s3_place import S3Place
from integrahub.worker import STEPS
from tests.integration.conftest import CNPJ, Client, running

RECORDS = [{"PRODUCTID": n, "TITLE": "P" * 200} for n in range(1, 500)]
STRADDLING = [{"PRODUCTID": 1 + n % 400, "TITLE": f"P {n}" * 30} for n in range(800)]


async def _names(client: Client) -> list[str]:
    return sorted([name.split("/")[0] for name in [name async for name in client.hub.storage.list("")]])


async def _age(client: Client, days: int) -> None:
    async with client.hub.database.transaction() as connection:
        await connection.execute("UPDATE batches SET finished_at = finished_at - make_interval(days => %s)", [days])


async def test_chunks_go_after_a_week_and_bodies_after_a_month_and_replays_say_so(client: Client) -> None:
    large = await client.load(STRADDLING)
    small = await client.load([{"PRODUCTID": 1, "TITLE": "small"}], "delta")
    before = await _names(client)
    assert "chunks" in before and before.count("batches") == 1
    await client.hub.retain()()
    assert await _names(client) == before
    await _age(client, 8)
    await client.hub.retain()()
    assert await _names(client) == ["batches"]
    await _age(client, 23)
    await client.hub.retain()()
    assert await _names(client) == []
    for batch in (large, small):
        answer = await client.http.post(
            f"/v1/batches/{batch['batch_id']}/replay", headers={"X-Admin-Api-Key": "an-admin-key-for-tests"}
        )
        assert answer.status_code == 409, answer.text
        assert (await client.get(f"/v1/batches/{batch['batch_id']}"))["status"] == "COMPLETED"


async def test_a_batch_that_is_not_final_keeps_everything_however_old(settings: Settings) -> None:
    async with running(settings, ["split"]) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        await client.post(STRADDLING)
        async with client.hub.database.transaction() as connection:
            await connection.execute("UPDATE batches SET received_at = received_at - interval '90 days'")
        await client.hub.retain()()
        assert "batches" in await _names(client)


async def test_the_whole_flow_runs_on_s3_and_its_bodies_go_too(
    settings: Settings, bucket: S3Place, tmp_path: Path
) -> None:
    keys = {"storage_access_key": bucket.access_key, "storage_secret_key": bucket.secret_key}
    url = f"s3://{bucket.bucket}?endpoint={bucket.endpoint}"
    chosen = settings.model_copy(update={"storage_url": url} | keys)
    async with running(chosen, list(STEPS)) as client:
        client.key = (await client.admin("POST", f"/admin/pharmacies/{CNPJ}/api-key"))["api_key"]
        assert (await client.load(STRADDLING))["merged"] == 400
        assert (await client.load(RECORDS))["inserted"] == 99
        assert "chunks" in await _names(client)
        await _age(client, 31)
        await client.hub.retain()()
        assert await _names(client) == []
    assert not (tmp_path / "objects").exists()


@pytest.mark.parametrize("url", ["ftp://x", "file://relative", "s3://"])
async def test_a_storage_nobody_has_is_refused_before_anything_is_opened(settings: Settings, url: str) -> None:
    from integrahub.domain.errors import ConfigurationError
    from integrahub.hub import check_settings

    with pytest.raises(ConfigurationError, match="STORAGE_URL"):
        check_settings(settings.model_copy(update={"storage_url": url}))
