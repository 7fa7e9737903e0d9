-- An operator brings the watermark back; an origin behind it comes along, or nothing before that would be read again.
UPDATE ops.watermarks SET watermark_ticks = %(to)s, origin_ticks = least(origin_ticks, %(to)s), moved_at = now()
WHERE source = %(source)s;
