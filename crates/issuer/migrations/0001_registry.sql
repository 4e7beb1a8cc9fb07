-- One set of statements for SQLite and Postgres: BYTEA and BIGINT are Postgres's names, and SQLite takes them as they are.
-- Ids are 16 bytes, times are Unix seconds, lists of scopes and origins have single spaces between their entries.

CREATE TABLE organizations (
    id BYTEA PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE workspaces (
    id BYTEA PRIMARY KEY NOT NULL,
    organization_id BYTEA NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE INDEX workspaces_by_organization ON workspaces (organization_id, id);

-- Of a secret key the public half alone is here: nothing in this table can sign in.
CREATE TABLE keys (
    id BYTEA PRIMARY KEY NOT NULL,
    organization_id BYTEA NOT NULL REFERENCES organizations (id),
    workspace_id BYTEA REFERENCES workspaces (id),
    kind TEXT NOT NULL CHECK (kind IN ('publishable', 'secret')),
    environment TEXT NOT NULL CHECK (environment IN ('live', 'test')),
    name TEXT,
    public_key BYTEA,
    last_four TEXT,
    scopes TEXT NOT NULL,
    origins TEXT NOT NULL,
    session_lifetime BIGINT,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT,
    leaked_at BIGINT,
    CHECK ((kind = 'secret') = (public_key IS NOT NULL)),
    CHECK ((kind = 'secret') = (last_four IS NOT NULL))
);

CREATE INDEX keys_by_workspace ON keys (workspace_id, id);

-- The issuer's own keys; the seed is sealed with the master key.
CREATE TABLE signing_keys (
    kid BYTEA PRIMARY KEY NOT NULL,
    sealed_seed BYTEA NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'retired')),
    created_at BIGINT NOT NULL
);

-- What `doorkey serve` leaves for the commands that work on the same store.
CREATE TABLE settings (
    name TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
);
