-- Searching reads its own index of listed releases here; the step is for PostgreSQL.
SELECT 1;
