-- What the buyer has signed to end an order by agreement, how this shop would end it, and what it does about it.
ALTER TABLE orders ADD COLUMN offered TEXT;
ALTER TABLE orders ADD COLUMN settlement TEXT;
ALTER TABLE orders ADD COLUMN wish TEXT;
