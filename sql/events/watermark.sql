-- Up to where a source is stored, and where its empty database started.
SELECT watermark_ticks, origin_ticks FROM ops.watermarks WHERE source = %(source)s;
