-- The watermark of a source as a person reads it.
SELECT source, watermark, raw.at(origin_ticks) AS origin, moved_at FROM ops.watermarks WHERE source = %(source)s;
