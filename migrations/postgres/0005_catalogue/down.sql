DROP TABLE sessions;
DROP INDEX releases_catalogue;
ALTER TABLE releases DROP COLUMN input;
