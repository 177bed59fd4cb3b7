"""One job: what it does, what fails, and what is unusual for it."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from grafana.building.frame import answer, current, frame, one
from grafana.building.panels import RATE, Column, Link, Query, listing, number, series

_JOB = '{job_id="$job"}'
_PATH = "/jobs/${job:percentencode}"


def _of_job(path: str, title: str) -> Link:
    return answer(title, f"{_PATH}{path}")


def _window(measure: str, window: str) -> str:
    return f'job_id_window:entra_provisioning_window_{measure}{{job_id="$job",window="{window}"}}'


def _latest(family: str) -> str:
    return f"max({current(f'entra_provisioning_{family}{_JOB}')})"


def _events_by(label: str) -> str:
    events = current('entra_provisioning_window_events{job_id="$job",window="1h"}')
    return f"sum by ({label}) (max by (action, result) ({events}))"


def job() -> dashboard.Dashboard:
    """The job that is chosen by its application and its ID."""
    board = (
        frame("job", "Entra provisioning: job", "One provisioning job.")
        .with_variable(
            one("app", "Application", "label_values(entra_provisioning_job_info, app_name)")
        )
        .with_variable(
            one("job", "Job", 'label_values(entra_provisioning_job_info{app_name="$app"}, job_id)')
        )
    )
    return _rhythm(_failures(_spikes(_events(_now(board)))))


def _now(board: dashboard.Dashboard) -> dashboard.Dashboard:
    age = f"time() - {_latest('last_event_timestamp_seconds')}"
    return (
        board.with_row(dashboard.Row("Now"))
        .with_panel(
            number(
                "Events, 24 h",
                "Events of any action and result.",
                _window("events:sum", "24h"),
                links=[_of_job("", "The job")],
            )
        )
        .with_panel(
            number(
                "Failures, 24 h",
                "Events with the result failure.",
                _window("failures:sum", "24h"),
                links=[_of_job("/failures?window=24h", "Failures")],
            )
        )
        .with_panel(
            number(
                "Failure ratio, 24 h",
                "Failures among attempts (events without skips). Entra may put a job into "
                "quarantine from 40 % on.",
                _window("failures:ratio", "24h"),
                unit="percentunit",
                decimals=1,
                steps={0: "green", 0.2: "orange", 0.4: "red"},
            )
        )
        .with_panel(
            number(
                "Since the last event",
                "Age of the job's newest event.",
                age,
                unit="s",
                links=[_of_job("/silence", "Silence")],
            )
        )
        .with_panel(
            number(
                "Silent",
                "Whether that is longer than the job's own rhythm explains.",
                _latest("job_silent"),
                names={0: "no", 1: "yes"},
                steps={0: "green", 1: "red"},
                links=[_of_job("/silence", "Silence")],
            )
        )
        .with_panel(
            number(
                "Skipped members",
                "Members that groups lack because they could not be resolved.",
                _latest("skipped_members"),
                steps={0: "green", 1: "orange"},
                links=[_of_job("/skipped-members", "Skipped members")],
            )
        )
    )


def _events(board: dashboard.Dashboard) -> dashboard.Dashboard:
    arrived = (
        "sum by (result) (max by (action, result) "
        f"(increase(entra_provisioning_events_total{_JOB}[{RATE}])))"
    )
    return (
        board.with_row(dashboard.Row("Events"))
        .with_panel(
            series(
                "Events by action",
                "Events of the hour before each point.",
                Query(_events_by("action"), "{{action}}"),
                stacked=True,
                links=[_of_job("/actions?window=7d&format=svg", "As a chart")],
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
                "Arrivals",
                "Events when they reached the workspace, which may be long after they happened.",
                Query(arrived, "{{result}}"),
            )
        )
        .with_panel(
            series(
                "Failure ratio",
                "Failures among attempts (events without skips).",
                Query(_window("failures:ratio", "1h"), "1 h"),
                Query(_window("failures:ratio", "24h"), "24 h"),
                unit="percentunit",
                steps={0.4: "red"},
            )
        )
    )


def _spikes(board: dashboard.Dashboard) -> dashboard.Dashboard:
    spike = f"max by (of, name) ({current(f'entra_provisioning_spike{_JOB}')})"
    score = f"max by (of, name) ({current(f'entra_provisioning_spike_score{_JOB}')})"
    return (
        board.with_row(dashboard.Row("Spikes"))
        .with_panel(
            series(
                "Distance from usual",
                "Spreads that a count lies above what is usual for the job; 3 is a spike.",
                Query(f"topk(10, {score})", "{{of}} {{name}}"),
                steps={3: "red"},
                least=None,
                links=[
                    _of_job("/spikes?format=svg", "Operations as a chart"),
                    _of_job("/spikes?of=result&format=svg", "Results as a chart"),
                ],
            )
        )
        .with_panel(
            listing(
                "Now",
                "Spikes first.",
                [Query(spike), Query(score)],
                [
                    Column("of", "Of", width=100),
                    Column(
                        "name",
                        "Name",
                        links=[
                            _of_job(
                                "/spikes?of=${__data.fields.Of:percentencode}&only=spikes", "Spikes"
                            )
                        ],
                    ),
                    Column("Value #A", "Spike", names={0: "no", 1: "yes"}, width=80),
                    Column("Value #B", "Score", steps={3: "red"}, width=80),
                ],
                order="Score",
            )
        )
    )


def _failures(board: dashboard.Dashboard) -> dashboard.Dashboard:
    def by_code(matchers: str = "") -> str:
        failures = f'entra_provisioning_window_failures{{job_id="$job",window="24h"{matchers}}}'
        return f"max by (error_code) ({current(failures)})"

    code = "${__value.raw:percentencode}"
    return (
        board.with_row(dashboard.Row("Failures"))
        .with_panel(
            series(
                "Failures by code",
                "Failures of the 24 hours before each point.",
                Query(by_code(), "{{error_code}}"),
                stacked=True,
            )
        )
        .with_panel(
            listing(
                "Failures, 24 h",
                "The most frequent codes; what one means and what to do stands in the answer.",
                # `other` is what is left, and no code that an answer knows.
                [Query(by_code(',error_code!="other"'))],
                [
                    Column(
                        "error_code",
                        "Error code",
                        links=[
                            _of_job(f"/failures?window=24h&error_code={code}", "What it means"),
                            _of_job(
                                f"/events?window=24h&result=failure&error_code={code}", "Events"
                            ),
                        ],
                        empty="without a code",
                    ),
                    Column("Value", "Failures", width=90),
                ],
                order="Failures",
            )
        )
    )


def _rhythm(board: dashboard.Dashboard) -> dashboard.Dashboard:
    last = f"entra_provisioning_last_event_timestamp_seconds{_JOB}"
    return (
        board.with_row(dashboard.Row("Members and cycles"))
        .with_panel(
            series(
                "Skipped members",
                "Members that groups lack because they could not be resolved.",
                Query(_latest("skipped_members"), "members"),
                links=[_of_job("/skipped-members?format=csv", "As a table")],
                width=8,
            )
        )
        .with_panel(
            series(
                "Since the last event",
                "Rises between cycles and falls when one writes something. The link lists cycles.",
                Query(f"time() - max({last})", "age"),
                unit="s",
                links=[_of_job("/cycles?window=24h", "Cycles")],
                width=8,
            )
        )
        .with_panel(
            series(
                "Refreshes with news, per hour",
                "How often new events of the job were seen: a cycle that writes something gives at "
                "least one.",
                Query(f"max(changes({last}[1h]))", "refreshes"),
                links=[_of_job("/cycles?window=24h", "Cycles")],
                width=8,
            )
        )
    )
