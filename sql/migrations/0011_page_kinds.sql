-- What a page of a run is: one of the catalog, or what a replay treats as a page. Its name says no longer which.
ALTER TABLE ops.run_pages
    ADD COLUMN kind text NOT NULL DEFAULT 'catalog' CHECK (kind IN ('catalog', 'package', 'rejected'));
UPDATE ops.run_pages
SET kind = split_part(page_url, ' ', 1), page_url = substr(page_url, strpos(page_url, ' ') + 1)
WHERE page_url LIKE 'package %' OR page_url LIKE 'rejected %';
