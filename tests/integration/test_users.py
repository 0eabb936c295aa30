"""People of the console in the database: names, the last administrator, one-time links, codes, erased names."""

import asyncio

import pytest
from psycopg.errors import InsufficientPrivilege

from integrahub.db.accounts import audit_log, user_sessions, users
from integrahub.db.accounts.audit_log import Actor
from integrahub.db.accounts.user_rows import User
from integrahub.db.accounts.users import Profile
from integrahub.db.database import Database
from integrahub.db.embedded.logins import url_as
from integrahub.db.tenancy import DatabaseRole
from integrahub.domain.people.roles import Role

HASH = "$argon2id$v=19$not-a-hash"


async def _add(database: Database, name: str = "Ana", role: Role = Role.ADMIN, *, is_active: bool = True) -> User:
    user = await users.add(database, name, role, "ana@example.com")
    assert user is not None
    if is_active:
        await users.set_password(database, user.id, HASH)
    return user


@pytest.mark.parametrize("name", ["ana souza", " ANA  SOUZA ", "Ａna Souza"])  # the last begins with a wide A
async def test_a_name_is_taken_in_any_case_width_and_spacing(database: Database, name: str) -> None:
    first = await _add(database, "Ana Souza")
    assert await users.add(database, name, Role.VIEWER) is None
    found = await users.find_by_name(database, name)
    assert found and found.id == first.id
    other = await _add(database, "Bia")
    assert await users.update(database, other.id, Profile(name=name)) is None


async def test_the_name_of_a_removed_person_is_free(database: Database) -> None:
    await _add(database, "Bia")
    old = await _add(database)
    assert await users.remove(database, old.id)
    assert (await _add(database)).id != old.id
    assert await users.find_credentials(database, user_id=old.id) is None


async def test_the_last_administrator_with_a_password_keeps_role_and_account(database: Database) -> None:
    last = await _add(database)
    await _add(database, "Bia", is_active=False)  # could not sign in
    await _add(database, "Caio", Role.OPERATOR)
    assert await users.update(database, last.id, Profile(role=Role.VIEWER)) is None
    assert await users.remove(database, last.id) is None
    renamed = await users.update(database, last.id, Profile(name="Ana Maria", role=Role.ADMIN))
    assert renamed and renamed.name == "Ana Maria"
    await _add(database, "Davi")
    demoted = await users.update(database, last.id, Profile(role=Role.VIEWER))
    assert demoted and demoted.role is Role.VIEWER


async def test_two_administrators_who_remove_each_other_at_once_leave_one(database: Database) -> None:
    for round_number in range(5):
        one = await _add(database, f"Ana {round_number}")
        other = await _add(database, f"Bia {round_number}")
        removed = await asyncio.gather(users.remove(database, one.id), users.remove(database, other.id))
        assert len([user for user in removed if user]) == 1
        (left,) = await users.list_all(database)
        async with database.transaction() as connection:
            await connection.execute("UPDATE users SET removed_at = now() WHERE id = %s", [left.id])


async def test_a_link_sets_one_password_and_ends_sessions_and_second_factor(database: Database) -> None:
    user = await _add(database)
    await users.store_totp(database, user.id, b"sealed")
    await users.enable_totp(database, user.id, 1)
    await user_sessions.start(database, user.id, "", "")
    older = await users.create_link(database, user.id)
    link = await users.create_link(database, user.id)
    assert await users.find_by_link(database, older) is None
    assert await users.use_link(database, older, "other") is None
    used = await asyncio.gather(*(users.use_link(database, link, f"password {number}") for number in range(4)))
    (only,) = [found for found in used if found]
    assert only.id == user.id and only.totp_enabled_at is None
    assert await user_sessions.list_live(database, user.id) == []
    assert await users.find_by_link(database, link) is None


@pytest.mark.parametrize("ends", ["expired", "removed"])
async def test_a_link_ends_after_an_hour_and_with_its_person(database: Database, ends: str) -> None:
    await _add(database, "Bia")
    user = await _add(database)
    link = await users.create_link(database, user.id)
    async with database.transaction() as connection:
        if ends == "expired":
            await connection.execute("UPDATE user_links SET expires_at = expires_at - interval '61 minutes'")
        else:
            await connection.execute("UPDATE users SET removed_at = now() WHERE id = %s", [user.id])
    assert await users.find_by_link(database, link) is None
    assert await users.use_link(database, link, HASH) is None


async def test_an_enabled_second_factor_is_not_replaced_before_it_is_disabled(database: Database) -> None:
    user = await _add(database)
    assert not await users.enable_totp(database, user.id, 5)  # there is no secret
    await users.store_totp(database, user.id, b"first")
    assert await users.enable_totp(database, user.id, 5)
    assert not await users.enable_totp(database, user.id, 9)
    await users.store_totp(database, user.id, b"second")
    credentials = await users.find_credentials(database, user_id=user.id)
    assert credentials and credentials.sealed_totp == b"first" and credentials.totp_step == 5
    await users.disable_totp(database, user.id)
    await users.store_totp(database, user.id, b"second")
    assert await users.enable_totp(database, user.id, 6)


async def test_a_code_works_once_also_for_two_sign_ins_at_the_same_time(database: Database) -> None:
    user = await _add(database)
    await users.store_totp(database, user.id, b"sealed")
    assert not await users.spend_code(database, user.id, 9)  # not enabled
    await users.enable_totp(database, user.id, 5)
    assert not await users.spend_code(database, user.id, 5)
    spent = await asyncio.gather(*(users.spend_code(database, user.id, 6) for _ in range(4)))
    assert sorted(spent) == [False, False, False, True]
    assert not await users.spend_code(database, user.id, 4)


async def test_an_erased_name_is_nowhere_and_others_entries_stay(database: Database) -> None:
    await _add(database, "Bia")
    user = await _add(database, "Ana Souza")
    actors = [Actor("Ana Souza", "::1", user.id), Actor("Ana Souza", "::1"), Actor("Bia", "::1", user.id + 1)]
    for actor in actors:
        await audit_log.complete(
            database,
            await audit_log.start(database, actor, action="user.set", subject=f"user {user.id}", before=user),
            "done",
            {"name": "Ana Souza", "role": "admin"},
        )
    added = await audit_log.start(database, Actor("Bia", ""), action="user.add", subject="", before=None)
    await audit_log.complete(database, added, "done", user)
    assert not await users.anonymise(database, user.id)  # not removed yet
    assert await users.remove(database, user.id)
    assert await users.anonymise(database, user.id)
    filters = {"actor": None, "action": None, "subject": None}
    entries = await audit_log.fetch_page(database, filters, None, 10)
    assert [entry.actor for entry in reversed(entries)] == [f"usuário {user.id}", "Ana Souza", "Bia", "Bia"]
    assert all("name" not in entry.after and "email" not in (entry.before or {}) for entry in entries)
    assert all(entry.after["role"] == "admin" and entry.outcome == "done" for entry in entries)
    stored = await users.find(database, user.id)
    assert stored and (stored.name, stored.email) == (f"usuário {user.id}", "")


async def test_the_console_writes_people_and_reads_all_and_deletes_no_data_of_clients(
    database: Database, database_url: str
) -> None:
    console = Database(url_as(database_url, DatabaseRole.CONSOLE), size=1, role=DatabaseRole.CONSOLE)
    await console.open()
    try:
        user = await _add(console)
        await user_sessions.start(console, user.id, "", "")
        entry = await audit_log.start(console, Actor("Ana", "", user.id), action="x", subject="", before=None)
        await audit_log.complete(console, entry, "done", None)
        async with console.transaction() as connection:
            assert (await connection.execute("UPDATE audit_log SET outcome = 'x'")).rowcount == 0
        for statement in (
            "UPDATE audit_log SET actor = 'x'",
            "DELETE FROM audit_log",
            "DELETE FROM users",
            "DELETE FROM products",
            "DELETE FROM batches",
            "UPDATE products SET title = ''",
            "SELECT blank_addresses(1, 1)",
        ):
            with pytest.raises(InsufficientPrivilege):
                async with console.transaction() as connection:
                    await connection.execute(statement)  # type: ignore[arg-type]
    finally:
        await console.close()


@pytest.mark.parametrize("role", [DatabaseRole.API, DatabaseRole.WORKER, DatabaseRole.NOTIFY])
async def test_other_processes_see_no_people_and_no_sessions(
    database: Database, database_url: str, role: DatabaseRole
) -> None:
    other = Database(url_as(database_url, role), size=1, role=role)
    await other.open()
    try:
        for table in ("users", "user_sessions", "user_links"):
            with pytest.raises(InsufficientPrivilege):
                async with other.transaction() as connection:
                    await connection.execute(f"SELECT FROM {table}")  # type: ignore[arg-type]
    finally:
        await other.close()


async def test_retention_blanks_addresses_and_deletes_entries_in_a_workers_role(
    database: Database, database_url: str
) -> None:
    for age in ("179 days", "181 days", "5 years 1 day"):
        await audit_log.start(database, Actor("Ana", "10.0.0.1", 1), action=age, subject="", before=None)
        async with database.transaction() as connection:
            query = "UPDATE audit_log SET at = now() - %s::interval WHERE action = %s"
            await connection.execute(query, [age, age])
    worker = Database(url_as(database_url, DatabaseRole.WORKER), size=1, role=DatabaseRole.WORKER)
    await worker.open()
    try:
        assert [await audit_log.blank_addresses(worker, 180, 1) for _ in range(3)] == [1, 1, 0]
        assert [await audit_log.delete_old(worker, 10) for _ in range(2)] == [1, 0]
    finally:
        await worker.close()
    filters = {"actor": None, "action": None, "subject": None}
    entries = await audit_log.fetch_page(database, filters, None, 10)
    assert [(entry.action, entry.address) for entry in entries] == [("181 days", ""), ("179 days", "10.0.0.1")]
