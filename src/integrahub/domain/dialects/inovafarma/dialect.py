"""The dialect of InovaFarma's ERP: upper-case keys, one record per promotion, decimal commas."""

from integrahub.domain.dialects.base import RecordKernel
from integrahub.domain.dialects.inovafarma import (
    decode_columns,
    description,
    export,
    first_record,
    identify,
    json_schema,
    label,
    normalise,
)
from integrahub.domain.dialects.inovafarma.keys import KEYS


class InovaFarma:
    """Implementation of `Dialect`. Static, so that a bound method is the plain function."""

    keys = KEYS
    schema_path = json_schema.PATH

    def __init__(self, kernel: RecordKernel | None = None) -> None:
        self.kernel = kernel

    derive_seed = staticmethod(identify.derive_seed)
    identify_all = staticmethod(identify.identify_all)
    identify_and_hash = staticmethod(identify.identify_and_hash)
    hash_record = staticmethod(identify.hash_record)
    decode_columns = staticmethod(decode_columns.decode_columns)
    label_record = staticmethod(label.label_record)
    find_missing = staticmethod(normalise.find_missing)
    normalise = staticmethod(normalise.normalise)
    read_first_record = staticmethod(first_record.read_first_record)
    export = staticmethod(export.export)
    describe_record = staticmethod(description.describe_record)
    json_schema = staticmethod(json_schema.build_schema)
