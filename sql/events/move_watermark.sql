-- Compare and swap, forward only: nothing moves unless the watermark stands between %(after)s and %(latest)s, both included.
INSERT INTO ops.watermarks AS w (source, watermark_ticks, origin_ticks)
VALUES (%(source)s, %(up_to)s, %(after)s)
ON CONFLICT (source) DO UPDATE SET watermark_ticks = excluded.watermark_ticks, moved_at = now()
WHERE w.watermark_ticks BETWEEN %(after)s AND %(latest)s AND excluded.watermark_ticks > w.watermark_ticks;
