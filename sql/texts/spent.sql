-- How many requests of the last 24 hours count against the budget of a day.
SELECT count(*) AS requests FROM raw.text_sightings WHERE seen_at > now() - interval '1 day';
