-- The watermark of a source, locked until the transaction ends, so that no scan moves it meanwhile.
SELECT watermark_ticks, origin_ticks FROM ops.watermarks WHERE source = %(source)s FOR NO KEY UPDATE;
