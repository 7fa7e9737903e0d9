-- Every time that an operator brought a watermark back, newest first.
SELECT reset_at, reset_by, raw.at(from_ticks) AS "from", raw.at(to_ticks) AS "to", raw.at(from_origin) AS origin_from,
       raw.at(to_origin) AS origin_to, why
FROM ops.watermark_resets WHERE source = %(source)s ORDER BY id DESC;
