"""The steps of a provisioning event, as diagnostic records write them.

Types: 0 import, 1 scoping, 2 matching, 3 processing, 4 reference resolution, 5 export.
Statuses: 0 success, 1 failure, 2 skipped, 3 warning. Words in braces are slots of a template.
"""

from __future__ import annotations

from typing import Any

Step = dict[str, Any]

_IMPORTED = {"Create": "Add", "Delete": "Delete", "Disable": "Update"}
_EXPORTED = {"Create": "Add", "Update": "Update", "Delete": "Delete", "Disable": "Disable"}


def _step(name: str, kind: int, status: int, description: str, details: object) -> Step:
    return {
        "name": name,
        "provisioningStepType": kind,
        "status": status,
        "description": description,
        "details": details,
    }


def read(action: str, thing: str) -> Step:
    """The object was read from the source system."""
    name = "EntryImport" + _IMPORTED.get(action, "Update")
    text = f"Read {thing} '{{name}}' from {{source}}"
    return _step(name, 0, 0, text, {"objectId": "{source_id}"})


def found_in_target(thing: str) -> Step:
    """The object was looked up in the target system."""
    text = f"Matched {thing} '{{name}}' with the entry {{target_id}} in {{target}}"
    return _step("EntryImport", 2, 0, text, {"matchedOn": "userName", "entry": "{target_id}"})


def not_found_in_target(thing: str, status: int = 0) -> Step:
    """The object has no counterpart in the target system, or none that is beyond doubt."""
    found = "no entry" if status == 0 else "more than one entry"
    text = f"Looked for {thing} '{{name}}' in {{target}}: {found} has this user name"
    return _step("EntryImport", 2, status, text, {"matchedOn": "userName"})


def scoped(thing: str, *, inside: bool = True) -> Step:
    """Whether the object is in scope, and who says so."""
    verdict = "True" if inside else "False"
    details = {"Active": "True", "Assigned": verdict, "IsInProvisioningScope": verdict}
    text = f"{thing.capitalize()} '{{name}}' is {'in' if inside else 'out of'} scope of {{app}}"
    return _step("EntrySynchronizationScoping", 1, 0, text, details)


def processed(action: str, thing: str, status: int = 0) -> Step:
    """The change was worked out."""
    name = "EntrySynchronization" + _EXPORTED[action]
    text = f"{thing.capitalize()} '{{name}}' will be changed in {{target}} ({action.lower()})"
    return _step(name, 3, status, text, {"objectId": "{source_id}"})


def left_alone(thing: str, reason: str, text: str) -> Step:
    """The object was skipped; the reason stands in the details."""
    details = {"SkipReason": reason}
    return _step(
        "EntrySynchronizationSkip", 3, 2, f"{thing.capitalize()} '{{name}}' {text}", details
    )


def member_unresolved() -> Step:
    """A member of the group has no counterpart in the target system."""
    text = (
        "We were unable to assign {member} as the members of {name}. "
        "The member has no account in {target}: bring it into scope, or wait until it exists."
    )
    details = {"ErrorCode": "UnableToResolveReferenceAttributeValue", "reference": "members"}
    return _step("EntryReferenceResolution", 4, 1, text, details)


def written(action: str, thing: str, details: object = None) -> Step:
    """The change was written to the target system."""
    name = "EntryExport" + _EXPORTED[action]
    text = f"{thing.capitalize()} '{{name}}' was written to {{target}} ({action.lower()})"
    return _step(name, 5, 0, text, details or {"DisplayName": "{name}"})


def not_written(action: str, thing: str, code: str, reason: str, status: int = 1) -> Step:
    """The target system refused the change, or took it with a reservation (status 3)."""
    name = "EntryExport" + _EXPORTED[action]
    verb = "could not be written" if status == 1 else "was written with a reservation"
    text = f"{thing.capitalize()} '{{name}}' {verb} to {{target}} ({action.lower()}): {reason}"
    return _step(name, 5, status, text, {"ErrorCode": code})
