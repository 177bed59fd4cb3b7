"""The tenant: its jobs, its people and its groups. All names are invented."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from random import Random
from typing import Literal

from service.records.demo.chance import guid, stream_of
from service.records.demo.rhythm import Rhythm

DOMAIN = "nordwind.example"

Family = Literal["scim", "cross-tenant", "hr", "cloud-sync"]

Fields = dict[bytes, bytes]
"""Slot names of a record's template with their values as JSON text, without outer quotes."""


@dataclass(frozen=True)
class Job:
    """One provisioning job; `share` is its part of the fleet's events relative to the others'."""

    id: str
    app: str
    family: Family
    rhythm: Rhythm
    share: float
    minutes: int
    app_id: str
    principal_id: str

    @property
    def code_prefix(self) -> str:
        """What a connector puts in front of its error codes: the application's name in letters."""
        return "".join(re.findall("[A-Za-z]+", self.app))


@dataclass(frozen=True)
class _Character:
    app: str
    family: Family
    rhythm: Rhythm
    share: float
    minutes: int
    id_form: str = ""


# The first three carry the story, so that a small fleet has it too.
_CHARACTERS = (
    _Character("Harbour Desk", "scim", "office", 16, 30),
    _Character("Südwind Logistik", "cross-tenant", "long day", 13, 35),
    _Character("Lantern Wiki", "scim", "steady", 12, 30),
    _Character("Peoplebook HR", "hr", "working hours only", 8, 25),
    _Character("corp.nordwind.example", "cloud-sync", "long day", 15, 20),
    _Character('Ledger "Gold" Accounts', "scim", "office", 8, 40),
    _Character("Café Lumière", "scim", "long day", 6, 40),
    _Character("Plans, Boards & More", "scim", "office", 6, 35),
    _Character("Fernweh Travel", "scim", "office", 5, 40, "scim.{guid}"),
    _Character("Kiln Source Code", "scim", "steady", 5, 30),
    _Character("Ostwind Werke", "cross-tenant", "nightly", 4, 40),
    _Character("Mosaic Learning", "scim", "nightly", 4, 35),
)
_ID_FORMS: dict[Family, str] = {
    "scim": "scim.{tenant}.{guid}",
    "cross-tenant": "Azure2Azure.{tenant}.{guid}",
    "hr": "API2AAD.{tenant}.{guid}",
    "cloud-sync": "AD2AADProvisioning.{tenant}.{guid}",
}
_FIRST_WORDS = ("Amber", "Birch", "Copper", "Delta", "Ember", "Fjord", "Granite", "Heron", "Iris")
_SECOND_WORDS = ("Archive", "Board", "Ledger", "Portal", "Rota", "Studio", "Tickets", "Vault")
_FURTHER_RHYTHMS: tuple[Rhythm, ...] = ("office", "long day", "steady", "nightly")


def tenant_id(seed: int) -> str:
    """The tenant's ID under this seed."""
    return guid(stream_of(seed, "tenant"))


def fleet(*, jobs: int, seed: int) -> list[Job]:
    """The first jobs of the tenant under this seed; beyond the dozen, further SCIM applications."""
    tenant = tenant_id(seed)
    return [_job(index, tenant, seed) for index in range(jobs)]


def _job(index: int, tenant: str, seed: int) -> Job:
    character = _CHARACTERS[index] if index < len(_CHARACTERS) else _further(index)
    random = stream_of(seed, "job", index)
    form = character.id_form or _ID_FORMS[character.family]
    return Job(
        id=form.format(tenant=tenant, guid=guid(random)),
        app=character.app,
        family=character.family,
        rhythm=character.rhythm,
        share=character.share,
        minutes=character.minutes,
        app_id=guid(random),
        principal_id=guid(random),
    )


def _further(index: int) -> _Character:
    second, first = divmod(index, len(_FIRST_WORDS))
    second %= len(_SECOND_WORDS)
    return _Character(
        app=f"{_FIRST_WORDS[first]} {_SECOND_WORDS[second]} {index + 1}",
        family="scim",
        rhythm=_FURTHER_RHYTHMS[index % len(_FURTHER_RHYTHMS)],
        share=2 + index % 5,
        minutes=20 + 5 * (index % 5),
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_GIVEN = _words(
    "Ada Amir Anke Bao Béla Carla Chidi Dilek Dunja Emre Esra Farid Fenna Gero Hanna Ines Ivo "
    "Jörg Jun Kaja Kofi Lale Lena Mads Maja Milo Nadja Nils Noor Oskar Paula Quinn Rahel Samir "
    "Selma Tariq Tove Ugo Vera Yuki Zoë"
)
_FAMILY = _words(
    "Abel Aydin Baumann Berg Castell Çelik Dahl Demir Ebner Falk Fontaine Gruber Hagen Holm "
    "Ibsen Jansen Kaya Keller Kovač Lang Lindqvist Marek Meyer Nagy Novak Okafor O'Neill Petersen "
    "Quist Rossi Sato Schäfer Silva Tanaka Torres Uhl Varga Weiß Winter Ziegler"
)
_PLAIN = str.maketrans(
    {"é": "e", "ö": "oe", "ä": "ae", "ë": "e", "Ç": "C", "č": "c", "ß": "ss", "'": ""}
)


def json_text(value: str) -> bytes:
    """The value as it stands between the quotes of a JSON string."""
    return json.dumps(value, ensure_ascii=False)[1:-1].encode()


def _entry(random: Random, index: int, name: str, upn: str) -> Fields:
    return {
        b"name": json_text(name),
        b"upn": json_text(upn),
        b"entra": guid(random).encode(),
        b"guest": guid(random).encode(),
        b"directory": guid(random).encode(),
        b"number": b"%d" % (10_000 + index),
    }


def people(count: int, seed: int) -> list[Fields]:
    """The tenant's people: name, user principal name, and their IDs in each kind of system."""
    random = stream_of(seed, "people")
    found = []
    for index in range(count):
        turn, given = divmod(index, len(_GIVEN))
        repeat, turn = divmod(turn, len(_FAMILY))
        names = _GIVEN[given], _FAMILY[(turn + given) % len(_FAMILY)]
        local = ".".join(names).translate(_PLAIN).lower() + (str(repeat + 1) if repeat else "")
        found.append(_entry(random, index, " ".join(names), f"{local}@{DOMAIN}"))
    return found


_TEAMS = _words(
    "Sales Finance Design Research Support Legal Logistics Facilities Purchasing Press Data "
    "Platform"
)
_PLACES = ("Bremen", "Łódź", "Porto", "Turku")


def groups(seed: int) -> list[Fields]:
    """The tenant's groups, in the same form as its people."""
    random = stream_of(seed, "groups")
    names = [f"{team} {place}" for team in _TEAMS for place in _PLACES]
    return [_entry(random, index, name, "") for index, name in enumerate(names)]
