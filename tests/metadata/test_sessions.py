"""Contract of the stores of uploads, events and jobs."""

import pytest

from registry.metadata import events, jobs, uploads
from registry.metadata.database import Database
from registry.metadata.session import Session
from registry.metadata.uploads import UploadRow


def upload(id: str, client: str = "me", at: int = 1) -> UploadRow:
    return UploadRow(id, "app", client, "sha256", 0, "", at, at)


def test_an_upload_is_found_in_its_repository_only(database: Database) -> None:
    database.write_now(lambda s: uploads.create(s, upload("u1")), durable=False)
    assert database.read_now(lambda s: uploads.find(s, "u1", "app")) == upload("u1")
    assert database.read_now(lambda s: uploads.find(s, "u1", "other")) is None
    assert database.read_now(lambda s: uploads.find(s, "u2", "app")) is None


def test_an_upload_advances_until_it_is_deleted(database: Database) -> None:
    database.write_now(lambda s: uploads.create(s, upload("u1")))
    assert database.write_now(lambda s: uploads.advance(s, "u1", 5, "state", 9))
    row = database.read_now(lambda s: uploads.find(s, "u1", "app"))
    assert row == upload("u1")._replace(offset=5, state="state", updated_at=9)
    assert database.write_now(lambda s: uploads.delete(s, "u1"))
    assert not database.write_now(lambda s: uploads.delete(s, "u1"))
    assert not database.write_now(lambda s: uploads.advance(s, "u1", 6, "", 9))


def test_a_leased_upload_is_its_owners_until_given_back_or_lapsed(database: Database) -> None:
    def take(owner: str, at: int) -> UploadRow | None:
        return database.write_now(lambda s: uploads.take(s, "u1", "app", owner, at, at + 10), durable=False)

    database.write_now(lambda s: uploads.create(s, upload("u1")))
    assert take("a", 5) == upload("u1")._replace(owner="a", leased_until=15)
    assert take("b", 15) is None
    assert take("a", 6) == upload("u1")._replace(owner="a", leased_until=16)
    database.write_now(lambda s: uploads.renew(s, ["u1"], "a", 20))
    database.write_now(lambda s: uploads.renew(s, ["u1"], "b", 99))
    assert database.read_now(lambda s: uploads.find(s, "u1", "app")) == upload("u1")._replace(
        owner="a", leased_until=20
    )
    assert take("b", 20) is None
    assert not database.write_now(lambda s: uploads.advance(s, "u1", 5, "theirs", 7, "b"))
    assert database.write_now(lambda s: uploads.advance(s, "u1", 5, "mine", 7, "a"))
    free = upload("u1")._replace(offset=5, state="mine", updated_at=7)
    assert database.read_now(lambda s: uploads.find(s, "u1", "app")) == free
    assert take("b", 8) == free._replace(owner="b", leased_until=18)
    assert take("c", 19) == free._replace(owner="c", leased_until=29)
    database.write_now(lambda s: uploads.renew(s, ["u1"], "b", 99))
    assert database.read_now(lambda s: uploads.find(s, "u1", "app")) == free._replace(owner="c", leased_until=29)
    assert not database.write_now(lambda s: uploads.advance(s, "u1", 9, "late", 30, "b"))
    assert database.write_now(lambda s: uploads.take(s, "u1", "other", "c", 40, 50)) is None
    assert database.write_now(lambda s: uploads.take(s, "u2", "app", "c", 40, 50)) is None


def test_an_upload_that_is_there_already_is_brought_up_to_date_but_not_back(database: Database) -> None:
    def create(offset: int, at: int, owner: str = "", me: str = "a") -> UploadRow | None:
        row = upload("u1")._replace(offset=offset, state=f"state {offset}", updated_at=at, owner=owner)
        database.write_now(lambda s: uploads.create(s, row, me))
        return database.read_now(lambda s: uploads.find(s, "u1", "app"))

    first = create(1, 1, "a")
    assert first == upload("u1")._replace(offset=1, state="state 1", owner="a")
    assert create(2, 3) == upload("u1")._replace(offset=2, state="state 2", updated_at=3)
    advanced = database.write_now(lambda s: uploads.advance(s, "u1", 9, "of another", 8))
    assert advanced
    theirs = database.read_now(lambda s: uploads.find(s, "u1", "app"))
    assert create(3, 7) == theirs
    held = database.write_now(lambda s: uploads.take(s, "u1", "app", "b", 9, 10_000))
    assert create(3, 99) == held


def test_uploads_are_listed_in_the_order_of_their_ids(database: Database) -> None:
    def insert(s: Session) -> None:
        for id in ("b", "c", "a"):
            uploads.create(s, upload(id))

    database.write_now(insert)
    assert database.read_now(lambda s: uploads.names_after(s, "", 2)) == [("app", "a"), ("app", "b")]
    assert database.read_now(lambda s: uploads.names_after(s, "b", 2)) == [("app", "c")]


def test_uploads_are_counted_by_client_and_expire_by_age(database: Database) -> None:
    rows = [upload("c", "me", 3), upload("b", "me", 2), upload("a", "you", 1)]

    def insert(s: Session) -> None:
        for row in rows:
            uploads.create(s, row)

    database.write_now(insert)
    assert database.read_now(lambda s: [uploads.count_for(s, who) for who in ("me", "you", "no")]) == [2, 1, 0]
    assert database.read_now(lambda s: uploads.expired(s, 3, 9)) == [rows[2], rows[1]]
    assert database.read_now(lambda s: uploads.expired(s, 9, 1)) == [rows[2]]


def test_events_are_read_in_order_by_a_cursor_that_never_goes_back(database: Database) -> None:
    database.write_now(lambda s: events.append(s, "repository.created", "app", at=7))
    first = database.read_now(events.last_id)
    database.write_now(lambda s: events.append(s, "tag.moved", "app", "d", "v1", "m", 3, "me", "r", at=8))
    second = database.read_now(events.last_id)
    assert second > first
    rows = database.read_now(lambda s: events.after(s, 0, 9))
    assert [row.id for row in rows] == [first, second]
    assert rows[1] == events.EventRow(second, 8, "tag.moved", "app", "d", "v1", "m", 3, "me", "r")
    assert database.read_now(lambda s: events.after(s, first, 9)) == rows[1:]
    assert database.read_now(lambda s: events.cursor(s, "hooks")) is None
    for id in (second, first):
        database.write_now(lambda s, id=id: events.advance_cursor(s, "hooks", id))  # type: ignore[misc]
    assert database.read_now(lambda s: events.cursor(s, "hooks")) == second


def test_an_event_of_unknown_kind_is_refused_with_the_known(database: Database) -> None:
    with pytest.raises(ValueError, match="one of blob"):
        database.write_now(lambda s: events.append(s, "blob.eaten", "app"))


def test_a_recurring_job_is_leased_by_one_and_comes_again(database: Database) -> None:
    for every in (50, 60):
        database.write_now(lambda s, every=every: jobs.ensure(s, "expire", every, 100))  # type: ignore[misc]
    assert database.write_now(lambda s: jobs.lease(s, "expire", "a", 99, 10)) is None
    job = database.write_now(lambda s: jobs.lease(s, "expire", "a", 100, 10))
    assert job is not None
    assert (job.kind, job.every_ms, job.run_at, job.attempts) == ("expire", 60, 100, 1)
    assert database.write_now(lambda s: jobs.lease(s, "expire", "b", 109, 10)) is None
    assert database.write_now(lambda s: jobs.renew(s, job.id, "a", 120))
    assert database.write_now(lambda s: jobs.lease(s, "expire", "b", 119, 10)) is None
    assert database.write_now(lambda s: jobs.finish(s, job.id, "a", 160))
    assert not database.write_now(lambda s: jobs.finish(s, job.id, "a", 170))
    assert database.write_now(lambda s: jobs.lease(s, "expire", "b", 159, 10)) is None
    again = database.write_now(lambda s: jobs.lease(s, "expire", "b", 160, 10))
    assert again is not None
    assert again.attempts == 1


def test_a_lapsed_lease_goes_to_another_and_the_first_owner_is_told(database: Database) -> None:
    database.write_now(lambda s: jobs.ensure(s, "expire", 50, 0))
    job = database.write_now(lambda s: jobs.lease(s, "expire", "a", 0, 10))
    assert job is not None
    taken = database.write_now(lambda s: jobs.lease(s, "expire", "b", 10, 10))
    assert taken is not None
    assert taken.attempts == 2
    assert not database.write_now(lambda s: jobs.renew(s, job.id, "a", 99))
    assert not database.write_now(lambda s: jobs.finish(s, job.id, "a", 99))
    assert not database.write_now(lambda s: jobs.fail(s, job.id, "a", "late", 99))


def test_a_clock_that_was_wrong_once_keeps_no_job_from_being_done(database: Database) -> None:
    """It said that the job is due in years, or leased for years, and was then set right."""
    wrong, now = 10**13, 10**12

    def lease(at: int, owner: str = "a") -> bool:
        def take(s: Session) -> bool:
            jobs.ensure(s, "sweep", 1000, at)
            return jobs.lease(s, "sweep", owner, at, 60_000) is not None

        return database.write_now(take)

    assert lease(wrong)
    assert not lease(now - 1000, "b")  # it is brought near
    assert lease(now, "b")
    assert not lease(now + 59_000, "c")
    assert lease(now + 60_000, "c")
