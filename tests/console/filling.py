"""A hub filled with real records: loads of every outcome, so that each page has something to show."""

import csv
import json
from importlib.resources import files
from typing import Any

from integrahub.tools.demo.catalogue import CNPJ, load_sample
from tests.console import troubles
from tests.console.hub import ConsoleHub

Names = dict[str, str]
PHARMACIES, RECORDS = 8, 240
HOSTILE = "<script>alert(1)</script> <img src=x onerror=alert(2)> \u202etxet\u202c \U0001f48a"


async def fill(console: ConsoleHub) -> Names:
    """Post the catalogues; return the names that paths of pages are made of."""
    records = load_sample()[: 2 * RECORDS]
    keys = await _add_pharmacies(console)
    names: Names = {"cnpj": CNPJ, "other_cnpj": next(cnpj for cnpj in keys if cnpj != CNPJ)}
    for number, (cnpj, key) in enumerate(keys.items()):
        console.api.key = key
        own = [record | {"CNPJ": cnpj} for record in records[: RECORDS - number]]
        batch = await console.api.load(own)
        assert batch["status"] == "COMPLETED", batch
    console.api.key = keys[CNPJ]
    own = [record | {"CNPJ": CNPJ} for record in records[:RECORDS]]
    names |= await _add_outcomes(console, own)
    return names | await troubles.fill(console, CNPJ, names["partial"])


async def _add_pharmacies(console: ConsoleHub) -> dict[str, str]:
    text = (files("integrahub") / "samples" / "pharmacies.csv").read_text("utf-8")
    rows = list(csv.DictReader(text.splitlines()))[: PHARMACIES - 1]
    rows.append({"cnpj": CNPJ, "name": f"Farmácia Sol {HOSTILE}", "city": "CAMPINAS", "uf": "SP"})
    keys = {}
    for row in rows:
        settings = {"name": row["name"], "city": row["city"], "state": row["uf"]}
        await console.api.admin("PUT", f"/admin/pharmacies/{row['cnpj']}", settings)
        answer = await console.api.admin("POST", f"/admin/pharmacies/{row['cnpj']}/api-key")
        keys[row["cnpj"]] = answer["api_key"]
    return keys


async def _add_outcomes(console: ConsoleHub, own: list[dict[str, Any]]) -> Names:
    api = console.api
    prices = [{"CNPJ": CNPJ, "PRODUCTID": record["PRODUCTID"], "PRICE": 9.9} for record in own[:40]]
    delta = await api.load(prices, "delta")
    broken = [record | ({"TITLE": ""} if number % 8 == 0 else {}) for number, record in enumerate(own[:60])]
    broken[1] |= {"TITLE": HOSTILE, "DESCRIPTION": HOSTILE, "LOTE_VAL": HOSTILE}
    partial = await api.load([record | {"PRODUCTID": int(record["PRODUCTID"]) + 10**9} for record in broken], "delta")
    failed = await api.load(json.dumps(own).encode()[:-400], "full")
    held = await api.load(own[: RECORDS // 2], "full")
    assert held["deactivation"]["state"] == "held", held
    await api.post(own[:1], "delta", **{"X-Api-Key": "ihub_wrong"})
    return {
        "batch": delta["batch_id"],
        "partial": partial["batch_id"],
        "failed": failed["batch_id"],
        "held": held["batch_id"],
        "product": str(own[0]["PRODUCTID"]),
        "refused_product": str(int(own[0]["PRODUCTID"]) + 10**9),
        "hostile_product": str(int(own[1]["PRODUCTID"]) + 10**9),
    }
