import subprocess
import sys

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from service.insights.knowledge import (
    error_knowledge,
    quarantine_knowledge,
    skip_knowledge,
    tables,
)

NAMES = sorted(name for error in tables.errors() for name in (error.code, *error.aliases))
CODES = {name: error.code for error in tables.errors() for name in (error.code, *error.aliases)}


def code_of(text: str) -> str | None:
    found = error_knowledge(text)
    return found.code if found else None


@pytest.mark.parametrize("name", NAMES)
def test_every_code_and_alias_finds_its_own_entry(name: str) -> None:
    assert code_of(name) == CODES[name]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("FabrikamEntryConflict", "EntryConflict"),
        ("FabrikamConflict", "EntryConflict"),
        ("WorkdayMissingValues", "MandatoryFieldsMissing"),
        ("SlackTooManyRequests", "TooManyRequests"),
        ("ServiceNow.Timeout", "Timeout"),
        ("SalesforceTimeOut", "TimeOut"),
        ("BoxInternalServerError", "InternalServerError"),
        (
            "AtlassianInvitationCreationFailureAmbiguousUser",
            "InvitationCreationFailureAmbiguousUser",
        ),
    ],
)
def test_a_connectors_prefix_does_not_hide_the_code(code: str, expected: str) -> None:
    assert code_of(code) == expected


def test_case_tells_two_codes_apart() -> None:
    general, cloud_sync = error_knowledge("Timeout"), error_knowledge("TimeOut")
    assert general
    assert cloud_sync
    assert (general.area, cloud_sync.area) == ("general", "cloud-sync")


@pytest.mark.parametrize(
    "code",
    [
        "",
        " ",
        "Error",
        "Reconflict",
        "Fabrikamconflict",
        "timeout",
        "TIMEOUT",
        "EntryConflictResolved",
        "EntryConflict ",
        "InvitationCreation",
        "Failure",
    ],
)
def test_letters_that_are_not_whole_words_of_a_code_explain_nothing(code: str) -> None:
    assert error_knowledge(code) is None


@settings(deadline=None)
@given(prefix=st.text(max_size=30), name=st.sampled_from(NAMES))
@example(prefix="Entry", name="Conflict")
@example(prefix="Contoso", name="EntryConflict")
@example(prefix="x" * 200_000, name="Timeout")
def test_the_longest_known_ending_wins_whatever_stands_before_it(prefix: str, name: str) -> None:
    code = prefix + name
    endings = [known for known in NAMES if code.endswith(known)]
    assert code_of(code) == CODES[max(endings, key=len)]


@settings(deadline=None)
@given(code=st.text(max_size=60))
def test_any_text_is_answered(code: str) -> None:
    assume(not any(code.endswith(name) for name in NAMES))
    assert error_knowledge(code) is None


def test_skip_reasons_say_whether_anyone_must_act() -> None:
    benign = {skip.reason: skip.benign for skip in tables.skips()}
    assert benign == {
        "RedundantExport": True,
        "NotEffectivelyEntitled": True,
        "AttributeValidationFailed": False,
        "EntrySynchronizationSkipped": True,
        "ImportSkipped": False,
    }
    assert all(skip_knowledge(skip.reason) is skip for skip in tables.skips())


@pytest.mark.parametrize("reason", ["", "redundantexport", "FabrikamRedundantExport"])
def test_skip_reasons_are_matched_whole(reason: str) -> None:
    assert skip_knowledge(reason) is None


def test_quarantine_reasons_are_found_by_either_spelling() -> None:
    known = quarantine_knowledge("QuarantineOnDemand")
    assert known
    assert known is quarantine_knowledge("QuarantinedOnDemand")
    assert quarantine_knowledge("") is None


def test_the_marker_of_an_unresolved_member_is_explained() -> None:
    known = error_knowledge("UnableToResolveReferenceAttributeValue")
    assert known
    assert known.owner == "identity-team"


def test_importing_reads_no_file() -> None:
    program = (
        "import sys\n"
        "sys.addaudithook(lambda event, args: event == 'open' and str(args[0]).endswith('.yaml')"
        " and sys.exit('read ' + str(args[0])))\n"
        "import service.insights.knowledge\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
