-- Whether leaves are being read.
SELECT EXISTS (SELECT FROM ops.runs WHERE source = 'nuget' AND action = 'read' AND state = 'running') AS running;
