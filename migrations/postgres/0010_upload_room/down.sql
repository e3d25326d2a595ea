ALTER TABLE uploads DROP COLUMN held_bytes;
