"""A simulator of the Azure Log Analytics query API and of the token endpoint before it.

It listens on loopback with TLS from a CA of its own, and answers the KQL it is sent from the
embedded workspace over a store of ours, so that the real SDK and the real credential classes can
be tested, and can be seen to fail in every documented way.

    with Simulator({WORKSPACE_ID: Logs(store)}, now=lambda: NOW) as simulator:
        credential = ClientSecretCredential(
            TENANT_ID, CLIENT_ID, CLIENT_SECRET,
            authority=simulator.address, disable_instance_discovery=True,
            connection_verify=str(simulator.ca_file),
        )
        client = LogsQueryClient(
            credential, endpoint=simulator.address,
            connection_verify=str(simulator.ca_file), retry_total=0,
        )
        simulator.fail("throttled", retry_after=3, times=2)      # the next two queries
        simulator.fail("hang", matching="ingestion_time")         # until told
        simulator.fail("drop", probability=0.1, seed=7)
        simulator.fail("invalid_client", at="token")
        simulator.recover()                                       # forgets all of these
        simulator.hold(WORKSPACE_ID, Logs(other_store))           # the logs grew
        simulator.counts                                          # a copy: queries, rows, …
        simulator.wait_for(lambda counts: counts.abandoned == 1)

`simulator.environment` has what `DefaultAzureCredential` reads (`AZURE_…`), and
`simulator.federated_token_file` what a `WorkloadIdentityCredential` sends. With
`connection_verify=`, the SDK makes a TLS context, and so a connection, for each query: hand it a
transport of your own where connections are counted.

Faults are listed in `plan.FAULTS`, what they and rules take in `plan.Fault` and `plan.Rule`.
`fail("answer", table=Table(…))` answers with values that the embedded workspace can't make (NaN,
decimals, GUIDs).

`process.started(…)` runs the same in a process of its own, for benchmarks; both offer `fail`,
`recover` and `counts`. `python -m tests.simulator`, or `make simulator`, is for people; see
`docs/simulator.md`, also for the control endpoint.
"""

from tests.simulator.counts import Counts, Limits
from tests.simulator.envelope import Table
from tests.simulator.logs import Logs
from tests.simulator.server import Simulator
from tests.simulator.tokens import CLIENT_ID, CLIENT_SECRET, TENANT_ID, WORKSPACE_ID

__all__ = [
    "CLIENT_ID",
    "CLIENT_SECRET",
    "TENANT_ID",
    "WORKSPACE_ID",
    "Counts",
    "Limits",
    "Logs",
    "Simulator",
    "Table",
]
