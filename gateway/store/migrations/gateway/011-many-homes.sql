-- One gateway serves many homes: what is asked of one of them must not look through all.
CREATE INDEX orders_of_home ON orders (home_id, created_at_ms);
CREATE INDEX devices_of_home ON devices (home_id);
CREATE INDEX mandates_of_home ON mandates (home_id);
