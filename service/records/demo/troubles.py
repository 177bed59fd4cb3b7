"""What fails, per family of jobs.

Error codes are those that the provisioning service really writes; the texts beside them are ours.
"""

from __future__ import annotations

from dataclasses import dataclass

from service.records.demo.tenant import Family


@dataclass(frozen=True)
class Trouble:
    """What fails, how often in thousandths of a job's events, and what the record says of it."""

    code: str
    thousandths: int
    reason: str
    advice: str
    category: str = "NonServiceFailure"
    action: str = "Update"
    result: str = "Failure"

    @property
    def information(self) -> dict[str, str]:
        """The status's `errorInformation`."""
        return {
            "errorCode": self.code,
            "reason": self.reason,
            "additionalDetails": "",
            "errorCategory": self.category,
            "recommendedAction": self.advice,
        }


_LATER = "Nothing to do yet: it is tried again in the next cycles."
_SERVICE = "ServiceFailure"

EVERYWHERE = (
    Trouble("TooManyRequests", 8, "{target} takes fewer requests than were sent to it.", _LATER),
    Trouble(
        "InternalServerError", 6, "{target} answered with an error of its own.", _LATER, _SERVICE
    ),
    Trouble("InternalError", 2, "The provisioning service met a fault.", _LATER, _SERVICE),
)
TROUBLES: dict[Family, tuple[Trouble, ...]] = {
    "scim": (
        Trouble(
            "{prefix}EntryConflict",
            12,
            "Another account in {target} already has the user name {upn}.",
            "Rename one of the two accounts, or match them.",
            action="Create",
        ),
        Trouble(
            "InsufficientRights",
            5,
            "The account used for provisioning may not change '{name}'.",
            "Give the account the rights that the application asks for.",
        ),
        Trouble(
            "MandatoryFieldsMissing",
            5,
            "{target} needs a value for emails[type eq work].value, and {upn} has none.",
            "Fill the attribute in the directory, or map another one.",
            action="Create",
        ),
        Trouble(
            "DuplicateTargetEntries",
            4,
            "More than one account in {target} matches {upn}.",
            "Remove the accounts that are not needed.",
        ),
        Trouble(
            "LicenseLimitExceeded",
            2,
            "All seats of {target} are taken.",
            "Free a seat or buy more.",
            action="Create",
        ),
        Trouble("Timeout", 3, "{target} did not answer in time.", _LATER, _SERVICE),
        Trouble(
            "SchemaAttributeNotFound",
            4,
            "{target} does not know the attribute costCenter; the rest was written.",
            "Take the attribute out of the mapping.",
            result="Warning",
        ),
    ),
    "cross-tenant": (
        Trouble(
            "AzureDirectoryB2BManagementPolicyCheckFailure",
            14,
            "{target} does not redeem invitations of this tenant by itself.",
            "Switch on automatic redemption in both tenants.",
            action="Create",
        ),
        Trouble(
            "InvitationCreationFailureAmbiguousUser",
            6,
            "An account of {target} already uses an address of {upn}.",
            "Remove the address from that account.",
            action="Create",
        ),
        Trouble(
            "AzureActiveDirectoryCannotUpdateObjectsOriginatedInExternalService",
            4,
            "Another service owns an attribute of '{name}', so it was left as it is.",
            "Take the attribute out of the mapping.",
            result="Warning",
        ),
    ),
    "hr": (
        Trouble(
            "MandatoryFieldsMissing",
            16,
            "Worker {number} has no family name.",
            "Complete the worker's record in {source}.",
            action="Create",
        ),
        Trouble(
            "AzureActiveDirectoryInvalidUserPrincipalName",
            7,
            "The mapping made a sign-in name for worker {number} that is not allowed.",
            "Replace the characters that are not allowed in the mapping.",
            action="Create",
        ),
        Trouble(
            "DuplicateSourceEntries",
            5,
            "Two workers have the number {number}.",
            "Give each worker a number of their own.",
            result="Warning",
        ),
    ),
    "cloud-sync": (
        Trouble(
            "HybridIdentityServiceNoActiveAgents",
            10,
            "No agent for {source} is connected.",
            "Start the agents and check their way out.",
            _SERVICE,
        ),
        Trouble(
            "AzureDirectoryServiceServerBusy",
            6,
            "The directory was too busy for this change.",
            _LATER,
            _SERVICE,
        ),
        Trouble("TimeOut", 5, "The agent did not answer within ten minutes.", _LATER, _SERVICE),
        Trouble(
            "InvalidDomain",
            3,
            "The domain of {upn} is not verified; another one was used.",
            "Verify the domain.",
            result="Warning",
        ),
    ),
}
