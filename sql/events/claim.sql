-- The first catalog to fill a database gives it its name.
INSERT INTO ops.catalog (name) VALUES (%(name)s) ON CONFLICT DO NOTHING;
