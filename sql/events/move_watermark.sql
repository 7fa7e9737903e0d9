-- Compare and swap, forward only: nothing moves when another run was here first.
INSERT INTO ops.watermarks AS w (source, watermark_ticks, origin_ticks)
VALUES (%(source)s, %(up_to)s, %(after)s)
ON CONFLICT (source) DO UPDATE SET watermark_ticks = excluded.watermark_ticks, moved_at = now()
WHERE w.watermark_ticks = %(after)s AND excluded.watermark_ticks > w.watermark_ticks;
