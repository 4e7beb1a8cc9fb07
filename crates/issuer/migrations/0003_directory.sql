-- What verifiers follow, who they are, what they report, and grants that were used.

-- When each thing last changed, in the order of the changes: a thing that changes moves to the end, and none is ever
-- taken out. Writers queue, so that whoever has read up to a revision has missed nothing.
CREATE TABLE directory (
    revision BIGINT PRIMARY KEY NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('organization', 'workspace', 'key', 'verifier')),
    entity_id BYTEA NOT NULL,
    UNIQUE (kind, entity_id)
);

INSERT INTO directory (revision, kind, entity_id)
SELECT ROW_NUMBER() OVER (ORDER BY place, id), kind, id FROM (
    SELECT 1 AS place, 'organization' AS kind, id FROM organizations
    UNION ALL SELECT 2, 'workspace', id FROM workspaces
    UNION ALL SELECT 3, 'key', id FROM keys
) AS known;

-- A number that each commit which moved something has drawn, under the newest revision that it left: nobody else has
-- left that one there. So whoever has read finds out whether the database has gone back since.
CREATE TABLE directory_marks (
    revision BIGINT PRIMARY KEY NOT NULL,
    mark BIGINT NOT NULL
);

INSERT INTO directory_marks (revision, mark) SELECT COALESCE(MAX(revision), 0), 0 FROM directory;

-- Of a verifier's credential the public half alone is here.
CREATE TABLE verifiers (
    id BYTEA PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    public_key BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT,
    last_seen_at BIGINT NOT NULL DEFAULT 0
);

-- How far each series of a verifier's reports was counted.
CREATE TABLE usage_spools (
    verifier_id BYTEA NOT NULL REFERENCES verifiers (id),
    spool TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    taken_at BIGINT NOT NULL,
    PRIMARY KEY (verifier_id, spool)
);

CREATE INDEX usage_spools_by_time ON usage_spools (taken_at);

-- How often a key had an outcome in the hour that began at a time.
CREATE TABLE key_usage (
    key_id BYTEA NOT NULL REFERENCES keys (id),
    hour BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (key_id, hour, outcome)
);

CREATE INDEX key_usage_by_hour ON key_usage (hour);

-- Grants that count no more, until they have expired by themselves.
CREATE TABLE used_grants (
    key_id BYTEA NOT NULL REFERENCES keys (id),
    jti_hash BYTEA NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (key_id, jti_hash)
);

CREATE INDEX used_grants_by_expiry ON used_grants (expires_at);

ALTER TABLE keys ADD COLUMN requires_grant BIGINT NOT NULL DEFAULT 0;
