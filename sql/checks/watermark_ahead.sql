-- Seconds that the watermark of the catalog lies ahead of now, 0 where it lies behind; nothing where none is stored.
SELECT CASE WHEN count(*) > 0 THEN greatest(max(watermark_ticks / 1e7 - extract(epoch FROM now())), 0)::float8 END
FROM ops.watermarks WHERE source = 'nuget';
