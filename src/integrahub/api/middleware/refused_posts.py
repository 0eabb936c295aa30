"""What is counted of a refused post: its pharmacy and key as far as they are known, its code and address."""

from typing import Any

from starlette.requests import Request

from integrahub.access.refusals import RefusalCounts
from integrahub.api.auth.authentication import presented_key
from integrahub.domain.api_keys import Caller, parse_key_id


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
