"""The rows of the service's queries, as one would write them in DuckDB's SQL by hand.

On the store's table `events`, whose JSON columns hold valid JSON text. `$start` and `$end` are the
query's span.
"""

from __future__ import annotations

_ACTION = """
CASE WHEN lower(coalesce(nullif(ProvisioningAction, ''), Action))
          IN ('create', 'update', 'delete', 'disable', 'stageddelete')
     THEN lower(coalesce(nullif(ProvisioningAction, ''), Action)) ELSE 'other' END"""
_RESULT = """
lower(coalesce(nullif(ProvisioningStatusInfo ->> '$.Status', ''),
               nullif(ProvisioningStatusInfo ->> '$.status', ''), ResultType))"""
_IN_SPAN = "FROM events WHERE TimeGenerated >= $start AND TimeGenerated < $end"
_TICKS = "strftime(TimeGenerated, '%Y-%m-%dT%H:%M:%S.%f0Z ')"

ANSWERS = {
    "counts": f"""
SELECT JobId, {_ACTION} AS action, {_RESULT} AS result, ResultSignature, count(*)
{_IN_SPAN} GROUP BY ALL""",
    "rhythm": f"""
WITH busy AS (SELECT DISTINCT JobId, date_trunc('hour', TimeGenerated) AS hour {_IN_SPAN})
SELECT JobId, to_days(dayofweek(hour)::INTEGER) AS weekday, hour(hour) AS hour_of_day, count(*)
FROM busy GROUP BY ALL""",
    "cycles": f"""
WITH e AS (SELECT JobId, CycleId, TimeGenerated AS t, {_ACTION} AS a, {_RESULT} AS r
           {_IN_SPAN} AND CycleId <> '')
SELECT JobId, CycleId, min(t), max(t), count(*),
       count(*) FILTER (r = 'failure'), count(*) FILTER (r = 'skipped'),
       count(*) FILTER (a = 'create'), count(*) FILTER (a = 'update'),
       count(*) FILTER (a = 'delete'), count(*) FILTER (a = 'disable'),
       count(*) FILTER (a = 'stageddelete'), count(*) FILTER (a = 'other')
FROM e GROUP BY ALL""",
    "failures": f"""
SELECT JobId, ResultSignature, count(*),
       count(DISTINCT coalesce(nullif(SourceIdentity ->> '$.Id', ''),
                               nullif(SourceIdentity ->> '$.id', ''))),
       min(TimeGenerated), max(TimeGenerated), max({_TICKS} || ResultDescription)
{_IN_SPAN} AND {_RESULT} = 'failure' GROUP BY ALL""",
    "spikes": f"""
SELECT JobId, coalesce(ProvisioningSteps ->> '$[#-1].name', '') AS operation,
       date_trunc('day', TimeGenerated) AS day, count(*)
{_IN_SPAN} GROUP BY ALL""",
    "skipped-members": f"""
WITH step AS (
  SELECT JobId, Id, ChangeId, TimeGenerated, {_TICKS} AS stamp, SourceIdentity AS s,
         unnest(from_json(ProvisioningSteps, '["JSON"]')) AS step
  {_IN_SPAN} AND contains(ProvisioningSteps, 'unable to assign ')),
told AS (
  SELECT *, coalesce(nullif(step ->> '$.description', ''), step ->> '$.Description') AS text,
         coalesce(nullif(s ->> '$.Id', ''), s ->> '$.id', '') AS source_id,
         coalesce(nullif(s ->> '$.Name', ''), s ->> '$.displayName', '') AS source_name
  FROM step),
member AS (
  SELECT *, regexp_extract(text, 'unable to assign (.+?) as the members? of ', 1) AS member_id,
         regexp_extract(text, ' as the members? of (.+?)([.] |[.]$|$)', 1) AS in_text,
         regexp_extract(step ->> '$.details', 'Unable[A-Za-z]+') AS reason,
         lower(coalesce(s ->> '$.identityType', '')) <> 'user' AND source_id <> '' AS is_group
  FROM told WHERE contains(text, 'unable to assign ')),
attempt AS (
  SELECT JobId, if(is_group, source_id, '') AS group_id,
         coalesce(nullif(if(is_group, source_name, in_text), ''), in_text) AS name,
         coalesce(nullif(group_id, ''), name) AS key,
         member_id, Id, ChangeId, TimeGenerated, stamp, reason
  FROM member WHERE member_id <> ''),
event AS (
  SELECT JobId, key, group_id, member_id, Id, ChangeId, TimeGenerated, stamp,
         max(name) AS name, max(reason) AS reason
  FROM attempt GROUP BY ALL)
SELECT JobId, group_id, member_id, count(*), min(TimeGenerated), max(TimeGenerated),
       max(stamp || Id), max(stamp || name), max(reason)
FROM event GROUP BY JobId, key, group_id, member_id""",
}
"""SQL by the name of the query."""
