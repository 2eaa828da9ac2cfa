-- Rules as data, the use of each slot, and the stock beside it.

-- Every text of rules that was in force; decisions name its version. The text and the program that read it never change.
CREATE TABLE rules_versions (
  version INTEGER PRIMARY KEY,
  text TEXT NOT NULL,
  source TEXT NOT NULL, -- built-in, file
  program TEXT NOT NULL,
  accepted_at_ms INTEGER NOT NULL
) STRICT;

-- How far the rules have read. What lies at or before acted_until has had its effects (events, refills) already: when the
-- use is rebuilt from the readings, they are not repeated.
CREATE TABLE rules_cursor (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  reading_id INTEGER NOT NULL,
  acted_until INTEGER NOT NULL,
  usage_version INTEGER NOT NULL
) STRICT;
INSERT INTO rules_cursor SELECT 1, 0, coalesce(max(reading_id), 0), 0 FROM readings;

-- How a slot counts from this reading on (domain/slot-state.ts): with another capacity its levels mean something else.
CREATE TABLE slot_measures (
  device_id TEXT NOT NULL,
  slot TEXT NOT NULL,
  from_reading_id INTEGER NOT NULL,
  unit TEXT NOT NULL,
  capacity REAL NOT NULL,
  direction TEXT NOT NULL,
  PRIMARY KEY (device_id, slot, from_reading_id)
) STRICT, WITHOUT ROWID;
INSERT INTO slot_measures
  SELECT device_id, slot, 0, description ->> 'unit', description ->> 'capacity',
         coalesce(description ->> 'degradationDirection', 'down')
  FROM slots WHERE description IS NOT NULL;

-- What the rules carry from reading to reading of a slot. `state` can be rebuilt from the readings; NULL before the first.
CREATE TABLE slot_needs (
  device_id TEXT NOT NULL,
  slot TEXT NOT NULL,
  -- content bought and shipped, or entered by the owner, and not yet poured in, in the slot's unit; of one such pack
  reserve REAL NOT NULL DEFAULT 0,
  pack_content REAL NOT NULL DEFAULT 0,
  acted TEXT NOT NULL DEFAULT '{}',
  blind_told INTEGER NOT NULL DEFAULT 0,
  state TEXT,
  PRIMARY KEY (device_id, slot)
) STRICT;

-- Every change of a reserve: shipped and returned once per order, refill, used, owner.
CREATE TABLE stock_moves (
  move_id INTEGER PRIMARY KEY,
  device_id TEXT NOT NULL,
  slot TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  kind TEXT NOT NULL,
  content REAL NOT NULL,
  reserve_after REAL NOT NULL,
  order_id TEXT
) STRICT;
CREATE INDEX stock_moves_of_slot ON stock_moves (device_id, slot, kind);
CREATE UNIQUE INDEX stock_moves_of_order ON stock_moves (order_id, kind) WHERE order_id IS NOT NULL;
INSERT INTO stock_moves (device_id, slot, at_ms, kind, content, reserve_after, order_id)
  SELECT device_id, slot, state_changed_at_ms, 'shipped', 0, 0, order_id FROM orders
  WHERE state IN ('completed', 'reclaimed');

-- `inputs` and `decision` are what was looked at and what came of it, as JSON: `adept replay` does it again. A decision
-- that does nothing for the same `why` as the one before takes its row: `times` counts them, `at_ms` is the last.
ALTER TABLE decisions ADD COLUMN rules_version INTEGER;
ALTER TABLE decisions ADD COLUMN why TEXT NOT NULL DEFAULT '';
ALTER TABLE decisions ADD COLUMN read_until INTEGER NOT NULL DEFAULT 0;
ALTER TABLE decisions ADD COLUMN acts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE decisions ADD COLUMN times INTEGER NOT NULL DEFAULT 1;
ALTER TABLE decisions ADD COLUMN first_at_ms INTEGER;
ALTER TABLE decisions ADD COLUMN inputs TEXT;
ALTER TABLE decisions ADD COLUMN decision TEXT;
CREATE INDEX decisions_in_order ON decisions (read_until, decision_id) WHERE inputs IS NOT NULL;

-- What the rule that made an order allows without a person's yes; NULL: nothing more than budgets and mandate.
ALTER TABLE orders ADD COLUMN limits TEXT;
CREATE INDEX orders_of_slot ON orders (device_id, slot, created_at_ms);
CREATE INDEX quotes_of_time ON quotes (received_at_ms);

-- The level at which a sensor is stuck; NULL while it is not.
ALTER TABLE slots ADD COLUMN stuck_remaining REAL;
-- A level to which it fell so fast that a second reading must confirm it.
ALTER TABLE slots ADD COLUMN fallen_remaining REAL;

-- Commands of rules, told to the device until it answers.
CREATE TABLE commands (
  command_id INTEGER PRIMARY KEY,
  home_id TEXT NOT NULL REFERENCES homes,
  device_id TEXT NOT NULL,
  slot TEXT NOT NULL,
  name TEXT NOT NULL,
  arguments TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  next_at_ms INTEGER,
  answered_at_ms INTEGER,
  error TEXT
) STRICT;
CREATE INDEX commands_due ON commands (next_at_ms) WHERE next_at_ms IS NOT NULL;
