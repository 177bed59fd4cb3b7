import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from itertools import islice, pairwise
from typing import Any

import orjson
import pytest

from service.records.demo import demo_records, fleet

END = datetime(2026, 11, 22, 13, 4, 10, tzinfo=UTC)  # a Sunday
DAYS = 21

Record = dict[str, Any]

ENVELOPE = (
    "time",
    "resourceId",
    "operationName",
    "operationVersion",
    "category",
    "tenantId",
    "resultType",
    "resultSignature",
    "resultDescription",
    "durationMs",
    "correlationId",
    "identity",
    "Level",
    "properties",
)
PROPERTIES = (
    "id",
    "activityDateTime",
    "tenantId",
    "jobId",
    "cycleId",
    "changeId",
    "action",
    "provisioningAction",
    "servicePrincipal",
    "sourceSystem",
    "targetSystem",
    "initiatedBy",
    "sourceIdentity",
    "targetIdentity",
    "provisioningStatusInfo",
    "provisioningSteps",
    "modifiedProperties",
    "durationInMilliseconds",
)

_SHORT = (
    "import sys; from datetime import datetime, UTC; from hashlib import sha256;"
    "from service.records.demo import demo_records;"
    "end = datetime(2026, 11, 22, 13, 4, 10, tzinfo=UTC);"
    "print(sha256(b''.join(demo_records(days=3, seed=7, end=end))).hexdigest())"
)


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    return list(demo_records(days=DAYS, end=END))


@pytest.fixture(scope="module")
def records(lines: list[bytes]) -> list[Record]:
    return [orjson.loads(line) for line in lines]


def _time(record: Record) -> datetime:
    text: str = record["time"]
    return datetime.fromisoformat(text[:26] + "+00:00")


def _steps(records: list[Record]) -> Iterator[tuple[Record, int, Record]]:
    for record in records:
        for index, step in enumerate(record["properties"]["provisioningSteps"]):
            yield record, index, step


def test_same_arguments_give_the_same_bytes_under_any_hash_seed() -> None:
    here = sha256(b"".join(demo_records(days=3, seed=7, end=END))).hexdigest()
    for hash_seed in ("0", "12345"):
        there = subprocess.run(
            [sys.executable, "-c", _SHORT],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert there.stdout.strip() == here


def test_bytes_are_those_of_every_other_machine_and_python() -> None:
    digest = sha256(b"".join(demo_records(days=3, seed=7, end=END))).hexdigest()
    # Made on CPython 3.11; to be replaced whenever the demo's contents change on purpose.
    assert digest == "1f7b207bccb6ffefc655a01e9bdb09f4b85a0acbc6691edcbbb9b77115225017"


def test_end_in_another_zone_is_the_same_instant() -> None:
    east = END.astimezone(timezone(timedelta(hours=5)))
    assert next(demo_records(days=1, end=END)) == next(demo_records(days=1, end=east))


def test_another_seed_is_another_tenant() -> None:
    ours, theirs = ({job.id for job in fleet(jobs=12, seed=seed)} for seed in (1, 2))
    assert ours.isdisjoint(theirs)
    assert next(demo_records(days=1, seed=1, end=END)) != next(
        demo_records(days=1, seed=2, end=END)
    )


def test_records_are_in_order_of_time_and_end_before_the_end(records: list[Record]) -> None:
    times = [record["time"] for record in records]
    assert times == sorted(times)
    assert END - timedelta(days=DAYS) <= _time(records[0])
    assert _time(records[-1]) < END


@pytest.mark.parametrize(
    ("jobs", "days", "events_per_day"),
    [(12, 35, 2000), (1, 30, 400), (3, 9, 1000), (200, 3, 5000), (12, 2, 20_000), (12, 30, 60)],
)
def test_number_of_records_is_within_a_few_per_cent(
    jobs: int, days: int, events_per_day: int
) -> None:
    count = sum(
        1 for _ in demo_records(jobs=jobs, days=days, events_per_day=events_per_day, end=END)
    )
    assert count == pytest.approx(days * events_per_day, rel=0.06)


def test_a_huge_history_begins_at_once() -> None:
    endless = demo_records(jobs=20, days=3650, events_per_day=100_000_000, end=END)
    assert len(list(islice(endless, 10))) == 10


@pytest.mark.parametrize("wrong", [{"jobs": 0}, {"days": 0}, {"events_per_day": 0}])
def test_nothing_to_make_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        demo_records(**wrong, end=END)


def test_an_end_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        demo_records(end=datetime(2026, 11, 22))


def test_every_line_is_one_compact_record_with_all_fields(
    lines: list[bytes], records: list[Record]
) -> None:
    for record in records:
        assert tuple(record) == ENVELOPE
        assert tuple(record["properties"]) == PROPERTIES
    assert all(
        line == orjson.dumps(record) + b"\n" for line, record in zip(lines, records, strict=True)
    )
    assert not [line for line in lines if b"%(" in line or re.search(rb"\{=?\w+\}", line)]


def test_envelope_and_properties_agree(records: list[Record]) -> None:
    for record in records:
        inner = record["properties"]
        status = inner["provisioningStatusInfo"]
        information = status["errorInformation"] or {"errorCode": "", "reason": ""}
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z", record["time"])
        assert record["time"] == inner["activityDateTime"]
        assert record["identity"] == inner["id"]
        assert record["correlationId"] == inner["changeId"]
        assert record["resultType"].lower() == status["Status"]
        assert record["resultSignature"] == information["errorCode"]
        assert record["resultDescription"] == information["reason"]
        assert record["durationMs"] == inner["durationInMilliseconds"] >= 0
        assert inner["action"].lower() == inner["provisioningAction"]
        assert record["resourceId"].split("/")[2] == record["tenantId"] == inner["tenantId"]
        assert inner["provisioningSteps"]


def test_events_and_changes_are_each_their_own(records: list[Record]) -> None:
    assert len({record["identity"] for record in records}) == len(records)
    assert len({record["correlationId"] for record in records}) == len(records)


def test_a_failure_always_names_its_code_and_reason(records: list[Record]) -> None:
    failures = [record for record in records if record["resultType"] == "Failure"]
    assert all(record["resultSignature"] and record["resultDescription"] for record in failures)
    assert {record["resultSignature"] for record in failures} >= {
        "HarbourDeskEntryConflict",
        "TooManyRequests",
        "InsufficientRights",
        "MandatoryFieldsMissing",
        "DuplicateTargetEntries",
        "AzureDirectoryB2BManagementPolicyCheckFailure",
        "HybridIdentityServiceNoActiveAgents",
        "UnableToResolveReferenceAttributeValue",
    }
    assert 0.02 < len(failures) / len(records) < 0.1


def test_results_actions_and_skip_reasons_are_all_there(records: list[Record]) -> None:
    results = Counter(record["resultType"] for record in records)
    assert set(results) == {"Success", "Failure", "Skipped", "Warning"}
    assert results["Warning"] < results["Failure"] < results["Skipped"] < results["Success"] * 2
    assert {record["properties"]["action"] for record in records} == {
        "Create",
        "Update",
        "Delete",
        "Disable",
        "Other",
    }
    reasons = {
        step["details"]["SkipReason"]
        for _, _, step in _steps(records)
        if "SkipReason" in step["details"]
    }
    assert {"RedundantExport", "NotEffectivelyEntitled", "AttributeValidationFailed"} <= reasons


def test_a_cycle_belongs_to_one_job_and_lasts_minutes(records: list[Record]) -> None:
    cycles = defaultdict(list)
    for record in records:
        cycles[record["properties"]["cycleId"]].append(record)
    for cycle in cycles.values():
        assert len({record["properties"]["jobId"] for record in cycle}) == 1
        assert _time(cycle[-1]) - _time(cycle[0]) < timedelta(minutes=10)


def test_cycles_of_a_busy_job_come_every_half_hour(records: list[Record]) -> None:
    steady = fleet(jobs=3, seed=1)[2]
    starts: dict[str, datetime] = {}
    for record in records:
        if record["properties"]["jobId"] == steady.id:
            starts.setdefault(record["properties"]["cycleId"], _time(record))
    times = list(starts.values())
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert max(gaps) < timedelta(minutes=40)


def test_names_that_are_hard_to_write_are_there(records: list[Record]) -> None:
    apps = {record["properties"]["servicePrincipal"]["Name"] for record in records}
    assert {'Ledger "Gold" Accounts', "Café Lumière", "Plans, Boards & More"} <= apps
    assert len(apps) == 12
    jobs = {record["properties"]["jobId"] for record in records}
    assert sorted({job.count(".") for job in jobs}) == [1, 2]


def test_people_and_groups_are_the_same_all_the_time(records: list[Record]) -> None:
    identities = defaultdict(set)
    for record in records:
        source = record["properties"]["sourceIdentity"]
        identities[source["Id"]].add(orjson.dumps(source))
    assert all(len(forms) == 1 for forms in identities.values())
    assert len(records) / len(identities) > 20


def test_user_principal_names_are_unique_and_plain() -> None:
    pairs = set()
    for line in islice(demo_records(events_per_day=100_000, days=1, end=END), 60_000):
        source = orjson.loads(line)["properties"]["sourceIdentity"]
        if source["identityType"] == "User" and "-" in source["Id"]:
            pairs.add((source["Name"], source["details"]["UserPrincipalName"]))
    names = [name for _, name in pairs]
    assert len(names) == len(set(names)) > 10_000
    assert all(re.fullmatch(r"[a-zł]+\.[a-z]+\d*@nordwind\.example", name) for name in names)


def test_the_hr_feed_is_busy_in_working_hours_only(records: list[Record]) -> None:
    times = [
        _time(record)
        for record in records
        if record["properties"]["servicePrincipal"]["Name"] == "Peoplebook HR"
    ]
    assert len({at.date() for at in times}) == 15
    assert all(at.weekday() < 5 and 6 <= at.hour <= 17 for at in times)


def test_an_office_application_is_quieter_at_night_and_at_weekends(records: list[Record]) -> None:
    times = [
        _time(record)
        for record in records
        if record["properties"]["servicePrincipal"]["Name"] == "Plans, Boards & More"
    ]
    weekend = sum(at.weekday() >= 5 for at in times) / 6
    assert 0 < weekend < sum(at.weekday() < 5 for at in times) / 15 / 2
    assert sum(8 <= at.hour < 17 for at in times) > 2 * sum(at.hour < 6 for at in times) > 0


def test_unresolved_members_stand_at_varying_steps_and_are_retried_for_days(
    records: list[Record],
) -> None:
    indexes = Counter[int]()
    days = defaultdict(set)
    for record, index, step in _steps(records):
        if step["provisioningStepType"] != 4:
            continue
        indexes[index] += 1
        group = record["properties"]["sourceIdentity"]
        match = re.match(
            r"We were unable to assign (\S+) as the members of ([^.]+)\. ", step["description"]
        )
        assert match
        assert group["identityType"] == "Group"
        assert match[2] == group["Name"]
        assert step["details"]["ErrorCode"] == "UnableToResolveReferenceAttributeValue"
        assert record["resultType"] != "Failure" or (
            record["resultSignature"] == "UnableToResolveReferenceAttributeValue"
        )
        days[record["properties"]["jobId"], group["Id"], match[1]].add(_time(record).date())
    assert set(indexes) == {1, 2, 3, 4}
    assert max(map(len, days.values())) >= 3
    assert all(max(tried) - min(tried) < timedelta(days=10) for tried in days.values())


def test_more_jobs_than_the_dozen_are_further_scim_applications() -> None:
    many = fleet(jobs=300, seed=1)
    assert many[:12] == fleet(jobs=12, seed=1)
    assert len({job.id for job in many}) == len({job.app for job in many}) == 300
    assert all(job.family == "scim" for job in many[12:])
