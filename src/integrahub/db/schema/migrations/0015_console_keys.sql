-- expand
-- Keys of the console that a person switched off, each alone (WCAG 2.1.4). Versions before read `shortcuts`.

ALTER TABLE users ADD COLUMN keys_off text[] NOT NULL DEFAULT '{}';
UPDATE users SET keys_off = '{/,g,j,k,p,?}' WHERE NOT shortcuts;
