-- What goes in, such as `224×224 rgb`. It follows from the envelope; releases of an earlier version
-- of this program are given theirs when the database is opened.
ALTER TABLE releases ADD COLUMN input TEXT COLLATE "C";

-- Listed releases in order of names; a search looks at all of them. What it reads lies beside the
-- envelopes, which are long and lie elsewhere.
CREATE INDEX releases_catalogue ON releases (name) WHERE is_listed;

-- Browsers that somebody has logged in with a token; of what they hold the SHA-256 is kept alone.
CREATE TABLE sessions (
    hash TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    token_id TEXT COLLATE "C" NOT NULL REFERENCES tokens (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_token ON sessions (token_id, created_at);
