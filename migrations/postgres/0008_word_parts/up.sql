-- An index of word parts for searching. `pg_trgm` comes with PostgreSQL's contrib, and who may make extensions differs from place to
-- place: without it searching works, and reads all listed releases. SQLite reads its own index of listed releases in any case.
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX IF NOT EXISTS releases_search ON releases USING gin (search_text gin_trgm_ops) WHERE is_listed;
EXCEPTION
    -- Not installed on this machine (two codes, by version), not allowed to this role, or out of sight in another schema.
    WHEN undefined_file OR feature_not_supported OR insufficient_privilege OR undefined_object THEN
        RAISE NOTICE 'searching goes without an index: %', SQLERRM;
END
$$;
