-- Raw readings are kept for some weeks, their hours for ever.

-- What a device measures: the level of a slot in a unit, one value of its telemetry, or how often an event comes.
CREATE TABLE series (
  series_key INTEGER PRIMARY KEY,
  device_id TEXT NOT NULL,
  kind INTEGER NOT NULL, -- as readings.kind
  name TEXT NOT NULL, -- slot, name of the value, type of the event; '' for all that are too many
  unit TEXT NOT NULL, -- of a level, else ''
  UNIQUE (device_id, kind, name, unit)
) STRICT;

-- One hour of a series, by when it was measured. `readings` counts all, `counted` those in the numbers: verified levels, and
-- every value of telemetry.
CREATE TABLE readings_hourly (
  series_key INTEGER NOT NULL,
  hour INTEGER NOT NULL, -- hours since 1970, UTC
  readings INTEGER NOT NULL,
  counted INTEGER NOT NULL,
  first REAL,
  first_at_ms INTEGER,
  last REAL,
  last_at_ms INTEGER,
  least REAL,
  most REAL,
  total REAL NOT NULL,
  PRIMARY KEY (series_key, hour)
) STRICT, WITHOUT ROWID;

-- Readings up to hours_until are added to their hours; those up to thinned_until are gone, the last of them was received then.
CREATE TABLE retention (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  hours_until INTEGER NOT NULL,
  thinned_until INTEGER NOT NULL,
  thinned_at_ms INTEGER
) STRICT;
INSERT INTO retention VALUES (1, 0, 0, NULL);

-- The state of each slot after the readings that are gone: the forecast and `adept replay` begin with it.
CREATE TABLE slot_bases (
  device_id TEXT NOT NULL,
  slot TEXT NOT NULL,
  usage_version INTEGER NOT NULL,
  state TEXT NOT NULL,
  PRIMARY KEY (device_id, slot)
) STRICT, WITHOUT ROWID;
