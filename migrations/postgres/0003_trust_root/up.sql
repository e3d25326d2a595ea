-- The consortium's trust root: the present state, from which every check starts, and each file that
-- was ever served, by its path in a TUF repository (`metadata/2.root.json`), so that clients in the
-- middle of a refresh find what they were told of.
CREATE TABLE trust_states (
    version BIGINT NOT NULL PRIMARY KEY,
    bundle TEXT COLLATE "C" NOT NULL
);

CREATE TABLE trust_files (
    path TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    content TEXT COLLATE "C" NOT NULL
);
