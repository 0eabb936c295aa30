-- expand
-- New pages of products stay half empty. An update then keeps its row on its page, writes no entry of an index (HOT),
-- and does not wait for another one that extends the table.

ALTER TABLE products SET (fillfactor = 50);
