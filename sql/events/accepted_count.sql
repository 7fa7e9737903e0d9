-- How many items of a page may be missing, because an operator accepted that.
SELECT promised - items AS missing FROM ops.accepted_counts WHERE page_url = %(page_url)s;
