-- What an operator brought back, from where and why.
INSERT INTO ops.watermark_resets (source, from_ticks, to_ticks, from_origin, to_origin, why, reset_by)
SELECT source, watermark_ticks, %(to)s, origin_ticks, least(origin_ticks, %(to)s), %(why)s, %(by)s
FROM ops.watermarks WHERE source = %(source)s;
