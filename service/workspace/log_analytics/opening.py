"""A workspace from settings."""

from __future__ import annotations

import logging

from service.settings import Settings
from service.workspace.log_analytics.credentials import default_credential
from service.workspace.log_analytics.place import CLOUDS, Place
from service.workspace.log_analytics.workspace import LogAnalyticsWorkspace


def place_of(settings: Settings) -> Place:
    """Where the settings send queries; the cloud's own addresses where none are set."""
    cloud = CLOUDS[settings.cloud]
    endpoint = settings.endpoint or cloud.endpoint
    return Place(
        settings.workspace_id,
        endpoint,
        settings.audience or endpoint,
        cloud.portal,
        settings.workspace_resource_id,
        settings.ca_file,
    )


def open_log_analytics(settings: Settings) -> LogAnalyticsWorkspace:
    """The workspace of the settings, which must name one; nothing is asked yet.

    Raises `OSError` where `ca_file` can't be read, or holds no certificate.
    """
    # At their usual levels they write down what sign-ins and proxies say, word for word.
    for name in ("azure", "msal"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    place = place_of(settings)
    return LogAnalyticsWorkspace(place, default_credential(CLOUDS[settings.cloud], place))
