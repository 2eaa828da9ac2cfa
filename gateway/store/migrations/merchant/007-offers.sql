-- A new escrow at a new address: orders of the one before it are closed, because their terms do not name what this one knows.
DELETE FROM order_steps;
DELETE FROM orders;
