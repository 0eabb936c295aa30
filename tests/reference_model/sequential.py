"""Sequential model of the hub: batches applied one at a time, records in order. Imports nothing of the hub."""

from typing import Any

from tests.reference_model.dialects import Rejected
from tests.reference_model.loads import Load

EMPTY = {"title": "", "brand": "", "ean": "", "price": None, "stock": None, "indice": None, "source_updated_at": None}
Group = list[tuple[int, dict[str, Any]]]  # positions and values of one product's records


class Pharmacy:
    """Catalogue with all values of each product by position, and the result."""

    def __init__(self, cnpj: str, *, windowed: bool = False) -> None:
        self.cnpj, self.windowed = cnpj, windowed
        self.said: dict[int, list[tuple[int, str, dict[str, Any]]]] = {}  # by product: origin, kind, columns
        self.gone: list[tuple[int, set[int]]] = []  # deactivations: since when products were absent, all but these
        self.loads: list[Load] = []
        self.products: dict[int, tuple[dict[str, Any], bool]] = {}  # columns, whether active

    def active(self) -> set[int]:
        return {product_id for product_id, (_, active) in self.products.items() if active}

    def present(self, first: int) -> set[int]:
        return set().union(*(load.ids for load in self.loads if load.origin >= first))

    def apply(self, load: Load, seq: int) -> None:
        """Apply one load; a replay counts at the position of its origin."""
        load.origin = load.origin or seq
        self.loads.append(load)
        before, groups = len(self.active()), dict[int, Group]()
        for position, record in enumerate(load.records):
            said = self.said.get(load.dialect.identity(record), [])
            if position in load.left_out:
                load.counters["cancelled"] += 1
            elif any(origin > load.origin and kind == "full" for origin, kind, _ in said):
                load.counters["superseded"] += 1
            else:
                self._take(load, position, record, groups)
        for product_id, group in groups.items():
            self._merge(load, product_id, group)
        done = any(load.counters[name] for name in ("inserted", "updated", "unchanged", "superseded"))
        partly = "PARTIAL_FAIL" if load.counters["rejected"] else "COMPLETED"
        load.status = load.status or (partly if done else "FAILED")
        if load.kind == "full" and load.status in ("PARTIAL_FAIL", "COMPLETED"):
            load.deactivation = "waiting"
            if load.is_replay or not self.windowed:
                newest = all(other.origin <= load.origin for other in self.loads)
                self._deactivate(load, [load], before, sure=newest and not self.windowed)

    def void(self, load: Load, seq: int) -> None:
        """Skip a load that was cancelled before its split."""
        self.loads.append(load)
        load.origin, load.ids, load.status = load.origin or seq, set(), "CANCELLED"

    def approve(self, load: Load) -> None:
        """Deactivate products that a held load and all later ones do not have."""
        if load.deactivation == "held":
            load.deactivation, load.counters["deactivated"] = "approved", self._drop(load.first or load.origin)

    def close_window(self, parts: list[Load]) -> None:
        """Close the window of a FULL in parts: its last whole part decides for all."""
        last = [part for part in parts if part.deactivation == "waiting"][-1]
        came = sum(load.came for load in self.loads if load.origin >= parts[0].origin)
        last.first = parts[0].origin
        sure = all(part.status not in ("FAILED", "CANCELLED") for part in parts)
        self._deactivate(last, parts, len(self.active()) - came, sure=sure)

    def _take(self, load: Load, position: int, record: Any, groups: dict[int, Group]) -> None:
        try:
            values, warnings = load.dialect.read(record, self.cnpj)
        except Rejected as rejected:
            load.counters["rejected"] += 1
            load.faults.append((position, "rejected", *rejected.args))
            return
        load.faults += [(position, "warning", *warning) for warning in warnings]
        groups.setdefault(load.dialect.identity(record), []).append((position, values))

    def _merge(self, load: Load, product_id: int, group: Group) -> None:
        load.counters["merged"] += len(group) - 1
        fields: dict[str, Any] = {"extra": {}}
        for _, values in group if load.kind == "delta" else group[-1:]:
            fields |= values | {"extra": fields["extra"] | values["extra"]}
        fields.pop("promo", None)
        fields.pop("blank", None)
        promotions = load.dialect.promotions(load.kind, [values for _, values in group])
        fields |= {} if promotions is None else {"promos": promotions}
        if load.kind == "full":
            fields = EMPTY | {"promos": []} | fields
        said = self.said.get(product_id, [])
        later = [columns for origin, _, columns in said if origin > load.origin]
        kept = {name for columns in later for name in columns} - {"extra"}
        extra = {key for columns in later for key in columns["extra"]}
        if later and load.kind == "delta" and fields.keys() - {"extra"} <= kept and fields["extra"].keys() <= extra:
            load.counters["superseded"] += 1
            return
        old, new = self.products.get(product_id), self._fold(product_id, [*said, (load.origin, load.kind, fields)])
        told_whole = (load.kind == "full" and fields["title"]) or (load.kind == "delta" and old is None)
        blank = [position for position, values in group if "blank" in values]
        if told_whole and blank and fields.get("price") is None and not (load.is_replay and load.kind == "delta"):
            load.faults.append((blank[-1], "warning", load.dialect.price_key, "price_zero"))
        if not new[0]["title"] or not fields.get("title", "carried"):
            load.counters["rejected"] += 1
            load.faults.append((group[-1][0], "rejected", load.dialect.title_key, "title_missing"))
            return
        same = old is not None and old[1] == new[1] and old[0] | {"indice": 0} == new[0] | {"indice": 0}
        if same and old is not None and "indice" in fields:
            fields["indice"] = old[0]["indice"]  # INDICE alone is no change: it is not written
        drop = load.origin if load.kind == "full" else 0  # values before a FULL no longer count
        self.said[product_id] = [*(one for one in said if one[0] >= drop), (load.origin, load.kind, fields)]
        self.products[product_id] = old if same and old else new
        load.counters["inserted" if old is None else "unchanged" if same else "updated"] += 1
        load.came += new[1] and not (old and old[1])

    def _fold(self, product_id: int, said: list[tuple[int, str, dict[str, Any]]]) -> tuple[dict[str, Any], bool]:
        columns: dict[str, Any] = {}
        for _, kind, fields in sorted(said, key=lambda one: one[0]):
            base = columns if kind == "delta" and columns else EMPTY | {"promos": [], "extra": {}}
            columns = base | fields | {"extra": (base["extra"] if kind == "delta" else {}) | fields["extra"]}
        last = max(origin for origin, _, _ in said)
        return columns, not any(first > last and product_id not in ids for first, ids in self.gone)

    def _deactivate(self, load: Load, parts: list[Load], active: int, *, sure: bool) -> None:
        for other in self.loads:
            if other.origin < load.origin and other.deactivation in ("held", "waiting"):
                other.deactivation = "superseded"
        count = len(self.active() - self.present(parts[0].origin))
        sure = sure and not any(0 in part.ids for part in parts)
        many = (count > active * 0.15 and count > 10) or (count > active * 0.5 and count > 5)
        load.deactivation = "none"
        if count and (many or not sure):
            load.deactivation = "held"
        elif sure:
            gone = self._drop(parts[0].origin)
            load.deactivation, load.counters["deactivated"] = "applied" if gone else "none", gone

    def _drop(self, first: int) -> int:
        """Deactivate products absent from all loads since `first`; return their number."""
        present = self.present(first)
        going = self.active() - present
        self.gone.append((first, present))
        self.products |= {product_id: (self.products[product_id][0], False) for product_id in going}
        return len(going)
