"""What is counted of a refused post: its pharmacy and key as far as they are known, its code and address.

The client looks a batch up before it posts. With a key that ended, this look-up is refused and no post follows, so it
counts as one.
"""

from typing import Any

from starlette.requests import Request

from integrahub.access.refusals import RefusalCounts
from integrahub.api.auth.authentication import presented_key
from integrahub.domain.api_keys import Caller, parse_key_id

_LOOK_UP = "/v1/batches/"
_ENDED_KEYS = frozenset({"key_expired", "key_invalid"})


def is_refused_look_up(scope: Any) -> bool:
    """Return whether a look-up of a batch was refused because the key, which the hub may have issued, is not valid."""
    if scope["refusal"] not in _ENDED_KEYS or not scope["path"].startswith(_LOOK_UP):
        return False
    return parse_key_id(presented_key(Request(scope))) is not None


def count_refused_post(counts: RefusalCounts, scope: Any) -> None:
    """Count a refused post of this scope, whose `refusal` is the code.

    A key that was not accepted is counted under the id in it. A key for one pharmacy says which one, if the post does
    not.
    """
    caller: Caller | None = scope.get("caller")
    if caller:
        key_name = caller.name
    else:
        public_id = parse_key_id(presented_key(Request(scope)))
        key_name = f"key {public_id}" if public_id else ""
    cnpj = scope.get("cnpj") or (caller.single_cnpj() if caller else "") or ""
    counts.add(cnpj, key_name, str(scope["refusal"]), (scope.get("client") or ("",))[0])
