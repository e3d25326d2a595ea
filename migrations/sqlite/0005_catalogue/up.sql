-- What goes in, such as `224×224 rgb`. It follows from the envelope; releases of an earlier version
-- of this program are given theirs when the database is opened.
ALTER TABLE releases ADD COLUMN input TEXT;

-- All that a search looks at, so that it reads this index and no envelopes.
CREATE INDEX releases_catalogue ON releases (
    is_listed, name, domain, license, input, dimension, size_bytes, tags, search_text, statement
);

-- Browsers that somebody has logged in with a token; of what they hold the SHA-256 is kept alone.
CREATE TABLE sessions (
    hash TEXT NOT NULL PRIMARY KEY,
    token_id TEXT NOT NULL REFERENCES tokens (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_token ON sessions (token_id, created_at);
