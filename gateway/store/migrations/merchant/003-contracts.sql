-- Refunds, and a new escrow at a new address.

-- Orders of the escrow before it are closed: their terms name what this one does not know.
DELETE FROM order_steps;
DELETE FROM orders;

-- What the shop wants to give back of this order, until it is on chain.
ALTER TABLE orders ADD COLUMN refund_amount TEXT;
