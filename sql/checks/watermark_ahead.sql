-- Seconds that the watermark of the catalog lies ahead of now; nothing where none is stored, or it lies behind.
SELECT greatest(coalesce(max(watermark_ticks / 1e7 - extract(epoch FROM now())), 0), 0)::float8
FROM ops.watermarks WHERE source = 'nuget';
