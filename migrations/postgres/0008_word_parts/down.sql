DROP INDEX IF EXISTS releases_search;
