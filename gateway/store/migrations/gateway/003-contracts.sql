-- Disputes, refunds, and a new escrow at a new address.

-- Orders and mandates of the escrow before it name what this one does not know: they are closed, and mandates are signed anew.
DELETE FROM mandates;
DELETE FROM seller_messages;
DELETE FROM authorizations;
UPDATE orders SET state = 'dropped', next_at_ms = NULL
  WHERE state NOT IN ('completed', 'dropped', 'cancelled', 'reclaimed');

DROP INDEX one_open_order_per_slot;
CREATE UNIQUE INDEX one_open_order_per_slot ON orders (device_id, slot)
  WHERE state NOT IN ('completed', 'refunded', 'settled', 'decided', 'dropped', 'cancelled', 'reclaimed');
