"""Numbers, dates, ages, durations, sizes and ids as people read them, in the language and zone of a page."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from zoneinfo import ZoneInfo

from babel import dates
from markupsafe import Markup, escape

from integrahub.console.translations import Catalog

_DAY_SECONDS, _HOUR_SECONDS, _MINUTE_SECONDS = 86_400, 3_600, 60
_KIB = 1024
_MAX_DIGITS = 4  # after the point, of prices and amounts
_SHORT_ID_LENGTH = 8  # of the end: the start of a UUIDv7 is the time, the same for batches of one minute
DEFAULT_ZONE = "America/Sao_Paulo"
_COMMA_FOR_POINT = str.maketrans(",.", ".,")
Number = int | float | Decimal


class Formats:
    """Formats of one page. Templates use the methods as filters: `{{ batch.received_at|when }}`."""

    def __init__(self, catalog: Catalog, now: datetime, zone: str = DEFAULT_ZONE) -> None:
        self._catalog = catalog
        self._locale = catalog.locale
        self._is_portuguese = catalog.locale == "pt_BR"
        self._now = now
        self._zone = ZoneInfo(zone)

    def number(self, value: Number | None, digits: int = 0) -> str:
        """Return `1.392`, or with digits `12,50`; a dash for None."""
        if value is None:
            return "–"
        text = f"{value:,.{digits}f}"
        return text.translate(_COMMA_FOR_POINT) if self._is_portuguese else text

    def exact(self, value: Number | None, least: int = 0) -> str:
        """Return a number with all its digits, at least `least` and at most four after the point: `12,50`, `0,0375`."""
        if value is None:
            return "–"
        exponent = Decimal(str(value)).normalize().as_tuple().exponent
        needed = max(0, -exponent) if isinstance(exponent, int) else 0
        return self.number(value, min(max(needed, least), _MAX_DIGITS))

    def percent(self, share: Number | None, digits: int = 0) -> str:
        """Return a share of one as `22 %`."""
        return "–" if share is None else f"{self.number(share * 100, digits)} %"

    def size(self, octets: int | None) -> str:
        """Return a number of bytes as `114 MB`."""
        if octets is None:
            return "–"
        value, units = float(octets), ["B", "KB", "MB", "GB", "TB"]
        while value >= _KIB and len(units) > 1:
            value /= _KIB
            units.pop(0)
        return f"{self.number(value, 1 if value < 10 and units[0] != 'B' else 0)} {units[0]}"

    def duration(self, length: timedelta | Number | None) -> str:
        """Return a duration, in seconds or as a timedelta, in its two largest units: `3 d 4 h`, `2,4 s`."""
        if length is None:
            return "–"
        seconds = length.total_seconds() if isinstance(length, timedelta) else float(length)
        if seconds < 1:
            return f"{self.number(seconds * 1000)} ms"
        if seconds < 10:
            return f"{self.number(seconds, 1)} s"
        return _two_units(round(seconds))

    def age(self, time: datetime | None) -> Markup:
        """Return the age of a time as `há 11 h`, with the absolute time beneath; older than a day: the time itself."""
        if time is None:
            return Markup("–")
        seconds = int((self._now - time).total_seconds())
        if abs(seconds) >= _DAY_SECONDS:
            return self.when(time)
        if abs(seconds) < _MINUTE_SECONDS:
            return self._time(time, self._catalog.gettext("just now"))
        template = self._catalog.gettext("%(age)s ago") if seconds >= 0 else self._catalog.gettext("in %(age)s")
        return self._time(time, template % {"age": _coarse(abs(seconds))})

    def is_recent(self, time: datetime) -> bool:
        """Return whether `age` shows how long ago a time was, and not the time itself."""
        return abs((self._now - time).total_seconds()) < _DAY_SECONDS

    def since(self, time: datetime | None) -> str:
        """Return how long ago a time was: `3 d 4 h`."""
        return "–" if time is None else _coarse(max(0, int((self._now - time).total_seconds())))

    def when(self, time: datetime | None) -> Markup:
        """Return a time as `26/11 21:03`, with the year unless it is this one."""
        return Markup("–") if time is None else self._time(time, self.plain_time(time))

    def plain_time(self, time: datetime) -> str:
        """Return a time as text alone."""
        local = time.astimezone(self._zone)
        day = self._day(local)
        return f"{day} {local:%H:%M}"

    def clock(self, time: datetime | None) -> Markup:
        """Return the time of day as `21:03:07`."""
        if time is None:
            return Markup("–")
        return self._time(time, time.astimezone(self._zone).strftime("%H:%M:%S"))

    def day(self, time: datetime | None) -> Markup:
        """Return the day of a time as `26/11`."""
        return Markup("–") if time is None else self._time(time, self._day(time.astimezone(self._zone)))

    def on_day(self, day: date) -> str:
        """Return a day without a time, such as `26/11`."""
        return self._day(day)

    def _day(self, local: date) -> str:
        is_this_year = local.year == self._now.astimezone(self._zone).year
        if self._is_portuguese:
            return f"{local:%d/%m}" if is_this_year else f"{local:%d/%m/%Y}"
        day = f"{local.day} {_month_names(self._locale)[local.month]}"
        return day if is_this_year else f"{day} {local.year}"

    def _time(self, time: datetime, text: str) -> Markup:
        utc = time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        full = time.astimezone(self._zone).strftime("%Y-%m-%d %H:%M:%S %z")
        return Markup(f'<time datetime="{utc}" title="{full}">{escape(text)}</time>')

    @property
    def zone(self) -> str:
        """Name of the time zone, to be said once a page."""
        return self._zone.key


@cache
def _month_names(locale: str) -> Mapping[int, str]:
    return dates.get_month_names("abbreviated", locale=locale)


def _two_units(seconds: int) -> str:
    days, rest = divmod(seconds, _DAY_SECONDS)
    hours, rest = divmod(rest, _HOUR_SECONDS)
    minutes, left = divmod(rest, _MINUTE_SECONDS)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (left, "s")]
    first = next((index for index, (count, _) in enumerate(parts) if count), len(parts) - 1)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count) or "0 s"


def _coarse(seconds: int) -> str:
    """Return a length in units that do not change at each update: days with hours, hours, or minutes."""
    if seconds >= _DAY_SECONDS:
        return _two_units(seconds // _HOUR_SECONDS * _HOUR_SECONDS)
    if seconds >= _HOUR_SECONDS:
        return f"{seconds // _HOUR_SECONDS} h"
    return f"{seconds // _MINUTE_SECONDS} min" if seconds >= _MINUTE_SECONDS else f"{seconds} s"


def mask_cnpj(cnpj: str | None) -> str:
    """Return a CNPJ as `05.927.228/0001-45`; other texts unchanged."""
    if not cnpj or len(cnpj) != 14:
        return cnpj or "–"
    return f"{cnpj[:2]}.{cnpj[2:5]}.{cnpj[5:8]}/{cnpj[8:12]}-{cnpj[12:]}"


def short_id(value: object) -> Markup:
    """Return the last 8 characters of an id, with the whole id in its title and for the copy button."""
    whole = str(value)
    return Markup('<code class="id" title="{}" data-copy="{}">{}</code>').format(
        escape(whole), escape(whole), escape(whole.replace("-", "")[-_SHORT_ID_LENGTH:])
    )
