"""Forecast of changes: what the last chunks of a batch say of the next ones."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

from integrahub.domain.products import ChunkCounters
from integrahub.pipeline.upsert.change_forecast import ChangeForecast

_ONE, _OTHER = UUID(int=1), UUID(int=2)


def _applied(batch_id: UUID, **counts: int) -> Any:
    return SimpleNamespace(claim=SimpleNamespace(batch_id=batch_id), counters=ChunkCounters(**counts))


def test_only_a_batch_most_of_whose_records_updated_a_product_is_expected_to_go_on() -> None:
    forecast = ChangeForecast()
    assert not forecast.expects_updates(_ONE)
    forecast.record([_applied(_ONE, updated=100), _applied(_ONE, inserted=60), _applied(_OTHER, updated=60, merged=40)])
    assert forecast.expects_updates(_ONE)
    assert not forecast.expects_updates(_OTHER)


def test_the_last_transaction_decides_also_if_it_ran_without_a_probe() -> None:
    forecast = ChangeForecast()
    forecast.record([_applied(_ONE, updated=100)])
    forecast.record([_applied(_OTHER, unchanged=100)])
    assert forecast.expects_updates(_ONE)
    forecast.record([_applied(_ONE, updated=59, unchanged=41)])
    assert not forecast.expects_updates(_ONE)


def test_a_worker_remembers_a_bounded_number_of_batches() -> None:
    forecast = ChangeForecast()
    for number in range(1000):
        forecast.record([_applied(UUID(int=number), updated=1)])
    assert not forecast.expects_updates(UUID(int=0))
    assert forecast.expects_updates(UUID(int=999))
