-- How devices join, prove themselves and leave. The row of a removed device stays: its history and its orders name it.

-- SHA-256 of the one client certificate that the device may connect with; a new one ends the one before.
ALTER TABLE devices ADD COLUMN certificate_sha256 BLOB;
-- 1: its secret is new, and nobody has connected with it yet: a pairing may give it another.
ALTER TABLE devices ADD COLUMN may_pair INTEGER NOT NULL DEFAULT 0;
ALTER TABLE devices ADD COLUMN removed_at_ms INTEGER;
