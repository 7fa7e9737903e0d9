-- Of the last run that asked for license files: the largest share of one host's looks that ended in trouble, where ten did.
SELECT coalesce(max(share), 0)::float8
FROM (SELECT count(*) FILTER (WHERE l.outcome = 'trouble')::float8 / count(*) AS share
      FROM raw.text_sightings l JOIN raw.text_sources s ON s.id = l.source_id
      WHERE l.run_id = (SELECT max(run_id) FROM raw.text_sightings)
      GROUP BY s.host
      HAVING count(*) FILTER (WHERE l.outcome = 'trouble') >= 10) AS host;
