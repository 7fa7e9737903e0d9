-- Whether the staleness fallback may start a scan: its schedule is on, nothing runs, none was tried in the last hour.
SELECT (SELECT enabled FROM ops.schedules WHERE name = 'nuget')
   AND NOT EXISTS (SELECT FROM ops.runs WHERE source = 'nuget' AND action = 'scan'
                   AND (state = 'running' OR started_at > now() - interval '1 hour')) AS wanted;
