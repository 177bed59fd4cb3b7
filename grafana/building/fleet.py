"""The fleet: are all jobs well, and where should one look first?"""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from grafana.building.frame import TAG, answer, current, frame, many
from grafana.building.panels import Column, Link, Query, listing, number, series

_JOBS = '{job_id=~"$job"}'
_NAMES = "job_id:entra_provisioning_job_info:one"

_JOB_LINK = Link(
    "This job",
    f"/d/{TAG}-job?var-app=${{__data.fields.Application:percentencode}}"
    "&var-job=${__data.fields.Job:percentencode}&${datasource:queryparam}&${api:queryparam}",
)
_ROW_JOB = "${__data.fields.Job:percentencode}"


def _chosen(vector: str) -> str:
    """The series of this vector that belong to the chosen applications."""
    return f'({vector} and on (job_id) {_NAMES}{{app_name=~"$app"}})'


def _named(vector: str) -> str:
    """The same, with the application's name; values stay as they are."""
    return f'({vector}) * on (job_id) group_left (app_name) {_NAMES}{{app_name=~"$app"}}'


def _window(measure: str, window: str) -> str:
    return f'job_id_window:entra_provisioning_window_{measure}{{job_id=~"$job",window="{window}"}}'


def _events_by(label: str) -> str:
    """Events of the last hour by action or result."""
    events = current('entra_provisioning_window_events{job_id=~"$job",window="1h"}')
    return f"sum by ({label}) ({_chosen(f'max by (job_id, action, result) ({events})')})"


def _latest(family: str) -> str:
    return f"max by (job_id) ({current(f'entra_provisioning_{family}{_JOBS}')})"


def fleet() -> dashboard.Dashboard:
    """All jobs, or those of some applications."""
    board = (
        frame("fleet", "Entra provisioning: fleet", "Health of all provisioning jobs.")
        .with_variable(
            many("app", "Application", "label_values(entra_provisioning_job_info, app_name)")
        )
        .with_variable(
            many(
                "job",
                "Job",
                'label_values(entra_provisioning_job_info{app_name=~"$app"}, job_id)',
            )
        )
    )
    return _jobs(_troubles(_events(_health(board))))


def _health(board: dashboard.Dashboard) -> dashboard.Dashboard:
    failures, attempts = _window("failures:sum", "24h"), _window("attempts:sum", "24h")
    return (
        board.with_row(dashboard.Row("Health"))
        .with_panel(
            number(
                "Jobs",
                "Jobs that the retention knows, also those without events.",
                f"count({_chosen(f'{_NAMES}{_JOBS}')})",
                links=[answer("All jobs", "/jobs")],
            )
        )
        .with_panel(
            number(
                "Success rate, 24 h",
                "Share of attempts (events without skips) that did not fail.",
                f"1 - sum({_chosen(failures)}) / sum({_chosen(attempts)})",
                unit="percentunit",
                decimals=1,
                steps={0: "red", 0.8: "orange", 0.95: "green"},
                links=[answer("Failures", "/failures?window=24h")],
            )
        )
        .with_panel(
            number(
                "Events, 24 h",
                "Events of any action and result.",
                f"sum({_chosen(_window('events:sum', '24h'))})",
                links=[answer("Events by action", "/actions?window=24h&bin=1h")],
            )
        )
        .with_panel(
            number(
                "Failures, 24 h",
                "Events with the result failure.",
                f"sum({_chosen(failures)})",
                links=[answer("Failures", "/failures?window=24h")],
            )
        )
        .with_panel(
            number(
                "Silent jobs",
                "Jobs that have been quiet for longer than their own rhythm explains.",
                f"sum({_chosen(_latest('job_silent'))})",
                steps={0: "green", 1: "orange"},
                links=[answer("Silence", "/silence")],
            )
        )
        .with_panel(
            number(
                "Skipped members",
                "Members that groups lack because they could not be resolved.",
                f"sum({_chosen(_latest('skipped_members'))})",
                steps={0: "green", 1: "orange"},
                links=[answer("Skipped members", "/skipped-members")],
            )
        )
    )


def _events(board: dashboard.Dashboard) -> dashboard.Dashboard:
    success = f"1 - {_window('failures:ratio', '1h')}"
    return (
        board.with_row(dashboard.Row("Events"))
        .with_panel(
            series(
                "Events by action",
                "Events of the hour before each point.",
                Query(_events_by("action"), "{{action}}"),
                stacked=True,
                links=[answer("As a chart", "/actions?window=7d&format=svg")],
            )
        )
        .with_panel(
            series(
                "Events by result",
                "Events of the hour before each point.",
                Query(_events_by("result"), "{{result}}"),
                stacked=True,
            )
        )
        .with_panel(
            series(
                "Lowest success rates",
                "Jobs with the lowest share of attempts that did not fail, in the hour before.",
                Query(f"bottomk(10, {_named(success)})", "{{app_name}}"),
                unit="percentunit",
                width=24,
                steps={0.6: "red"},
            )
        )
    )


def _troubles(board: dashboard.Dashboard) -> dashboard.Dashboard:
    # `other` is what is left of a job's codes, and no code that an answer knows.
    coded = current(
        'entra_provisioning_window_failures{job_id=~"$job",window="24h",error_code!="other"}'
    )
    failures = f"max by (job_id, error_code) ({coded})"
    scores = f"max by (job_id, of, name) ({current(f'entra_provisioning_spike_score{_JOBS}')})"
    silent = f"{_latest('job_silent')} == 1"
    last = _latest("last_event_timestamp_seconds")
    alerts = 'ALERTS{alertname=~"Provisioning.*"}'
    return (
        board.with_row(dashboard.Row("What goes wrong"))
        .with_panel(
            listing(
                "Top errors, 24 h",
                "Failures by error code, of each job's most frequent ones; what a code means "
                "stands in the answer.",
                [Query(f"topk(20, sum by (error_code) ({_chosen(failures)}))")],
                [
                    Column(
                        "error_code",
                        "Error code",
                        links=[
                            answer(
                                "What it means, and who fails",
                                "/failures?window=24h&error_code=${__value.raw:percentencode}",
                            ),
                            answer(
                                "Events",
                                "/events?window=24h&result=failure"
                                "&error_code=${__value.raw:percentencode}",
                            ),
                        ],
                        empty="without a code",
                    ),
                    Column("Value", "Failures", width=90),
                ],
                order="Failures",
            )
        )
        .with_panel(
            listing(
                "Alerts",
                "Pending ones become firing when their condition has held for long enough.",
                [Query(alerts)],
                [
                    Column("alertname", "Alert"),
                    Column("alertstate", "State", width=80),
                    Column("severity", "Severity", width=80),
                    Column("app_name", "Application"),
                ],
                order="State",
                direction="ascending",
            )
        )
        .with_panel(
            listing(
                "Silent jobs",
                "Quiet for longer than the job's own rhythm explains.",
                [Query(_named(f"({last}) and on (job_id) ({silent})") + " * 1000")],
                [
                    Column("app_name", "Application"),
                    Column("job_id", "Job", links=[_silence_link(), _JOB_LINK]),
                    Column("Value", "Last event", unit="dateTimeFromNow", width=140),
                ],
                order="Last event",
            )
        )
        .with_panel(
            listing(
                "Furthest from usual",
                "How many usual spreads the newest bin lies above what is usual; 3 is a spike.",
                [Query(f"topk(10, {_named(scores)})")],
                [
                    Column("app_name", "Application"),
                    Column("job_id", "Job", links=[_spikes_link(), _JOB_LINK]),
                    Column("of", "Of", width=90),
                    Column("name", "Name"),
                    Column("Value", "Score", steps={3: "red"}, width=80),
                ],
                order="Score",
            )
        )
    )


def _jobs(board: dashboard.Dashboard) -> dashboard.Dashboard:
    def plain(measure: str) -> str:
        return _chosen(f"sum by (job_id) ({_window(measure, '24h')})")

    return board.with_row(dashboard.Row("Jobs")).with_panel(
        listing(
            "Jobs",
            "The last 24 hours of each job.",
            [
                Query(f'{_NAMES}{{job_id=~"$job",app_name=~"$app"}}'),
                Query(plain("events:sum")),
                Query(plain("failures:sum")),
                Query(plain("failures:ratio")),
                Query(_chosen(_latest("skipped_members"))),
                Query(_chosen(_latest("job_silent"))),
                Query(_chosen(f"{_latest('last_event_timestamp_seconds')} * 1000")),
            ],
            [
                Column("app_name", "Application", links=[_JOB_LINK]),
                Column("job_id", "Job", links=[answer("Answer", f"/jobs/{_ROW_JOB}"), _JOB_LINK]),
                Column("Value #B", "Events", width=90),
                Column("Value #C", "Failures", width=90),
                Column(
                    "Value #D",
                    "Failure ratio",
                    unit="percentunit",
                    steps={0.2: "orange", 0.4: "red"},
                    width=110,
                ),
                Column("Value #E", "Skipped members", width=140),
                Column(
                    "Value #F",
                    "Silent",
                    names={0: "no", 1: "yes"},
                    steps={1: "red"},
                    width=80,
                ),
                Column("Value #G", "Last event", unit="dateTimeFromNow", width=140),
            ],
            width=24,
            height=12,
            order="Failures",
        )
    )


def _silence_link() -> Link:
    return answer("Silence", "/jobs/${__value.raw:percentencode}/silence")


def _spikes_link() -> Link:
    return answer("Spikes", "/jobs/${__value.raw:percentencode}/spikes?only=spikes")
