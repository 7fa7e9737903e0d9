-- How the looks of a run ended.
SELECT outcome, count(*) AS looks FROM raw.text_sightings WHERE run_id = %(run_id)s GROUP BY outcome;
