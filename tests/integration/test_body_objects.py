"""Objects of bodies lie in a few folders; those of older versions, by pharmacy, are read as before."""

import json
from pathlib import Path

from tests.integration.conftest import ADMIN, CNPJ, SHARED, Client
from tests.integration.test_flow import catalogue


@SHARED
async def test_a_body_is_stored_in_one_of_sixteen_folders_and_read_from_that_of_an_older_version(
    shared_client: Client,
) -> None:
    batch = await shared_client.load(json.dumps(catalogue(800)).encode(), "delta")
    batch_id, objects = batch["batch_id"], shared_client.hub.settings.data_dir / "objects"
    new, old = Path("batches", batch_id[-1], batch_id), Path("batches", CNPJ, batch_id)
    assert (objects / new).is_file()
    (objects / old).parent.mkdir()
    (objects / new).rename(objects / old)
    async with shared_client.hub.database.transaction() as connection:
        for statement in (
            "UPDATE batches SET location = %s WHERE id = %s",
            "UPDATE batch_chunks SET location = %s WHERE batch_id = %s",
        ):
            await connection.execute(statement, [old.as_posix(), batch_id])
    path = f"/v1/batches/{batch_id}/replay"
    replayed = await shared_client.http.post(path, headers={"X-Admin-Api-Key": ADMIN})
    assert replayed.status_code == 202, replayed.text
    finished = await shared_client.finished(replayed.json()["batch_id"])
    assert (finished["status"], finished["unchanged"]) == ("COMPLETED", 800)
