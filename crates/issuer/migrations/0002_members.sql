-- Members, roles, sign-ins, the rest of a key's life, and the audit. Times that never come are the largest BIGINT and
-- times that never were are 0 where rows are compared or sorted by them; elsewhere NULL.

CREATE TABLE people (
    id BYTEA PRIMARY KEY NOT NULL,
    -- In lower case.
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    -- An Argon2id hash, sealed with the master key: a copy of this table is not even good for guessing.
    sealed_password BYTEA NOT NULL,
    is_operator BIGINT NOT NULL CHECK (is_operator IN (0, 1)),
    created_at BIGINT NOT NULL,
    revision BIGINT NOT NULL
);

CREATE TABLE roles (
    id BYTEA PRIMARY KEY NOT NULL,
    organization_id BYTEA NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    UNIQUE (organization_id, name)
);

-- A role is the name of a preset, or 'custom' and a row of roles.
CREATE TABLE memberships (
    organization_id BYTEA NOT NULL REFERENCES organizations (id),
    person_id BYTEA NOT NULL REFERENCES people (id),
    role TEXT NOT NULL CHECK (role IN ('admin', 'member', 'custom')),
    role_id BYTEA REFERENCES roles (id),
    joined_at BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    PRIMARY KEY (organization_id, person_id),
    CHECK ((role = 'custom') = (role_id IS NOT NULL))
);

CREATE INDEX memberships_by_person ON memberships (person_id, organization_id);
CREATE INDEX memberships_by_role ON memberships (role_id) WHERE role_id IS NOT NULL;

CREATE TABLE workspace_memberships (
    workspace_id BYTEA NOT NULL REFERENCES workspaces (id),
    person_id BYTEA NOT NULL,
    organization_id BYTEA NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('editor', 'viewer', 'custom')),
    role_id BYTEA REFERENCES roles (id),
    joined_at BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, person_id),
    FOREIGN KEY (organization_id, person_id) REFERENCES memberships (organization_id, person_id),
    CHECK ((role = 'custom') = (role_id IS NOT NULL))
);

CREATE INDEX workspace_memberships_by_person ON workspace_memberships (organization_id, person_id, workspace_id);
CREATE INDEX workspace_memberships_by_role ON workspace_memberships (role_id) WHERE role_id IS NOT NULL;

-- Of what signs in, and of what a link carries, a SHA-256 of 32 random bytes alone is here.
CREATE TABLE sign_ins (
    id BYTEA PRIMARY KEY NOT NULL,
    person_id BYTEA NOT NULL REFERENCES people (id),
    secret_hash BYTEA NOT NULL UNIQUE,
    address TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    -- When the password was last asked again; 0 for never.
    confirmed_at BIGINT NOT NULL
);

CREATE INDEX sign_ins_by_person ON sign_ins (person_id, id);
CREATE INDEX sign_ins_by_expiry ON sign_ins (expires_at);

-- Setup and recovery. A setup link is for nobody yet.
CREATE TABLE links (
    token_hash BYTEA PRIMARY KEY NOT NULL,
    purpose TEXT NOT NULL CHECK (purpose IN ('setup', 'recovery')),
    person_id BYTEA REFERENCES people (id),
    expires_at BIGINT NOT NULL,
    CHECK ((purpose = 'setup') = (person_id IS NULL))
);

CREATE TABLE invitations (
    id BYTEA PRIMARY KEY NOT NULL,
    organization_id BYTEA NOT NULL REFERENCES organizations (id),
    email TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('admin', 'member', 'custom')),
    role_id BYTEA REFERENCES roles (id),
    -- The workspaces that the invited will work in, `id=role` with spaces between, in the form of their ids.
    workspaces TEXT NOT NULL,
    token_hash BYTEA NOT NULL UNIQUE,
    invited_by BYTEA REFERENCES people (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX invitations_by_expiry ON invitations (expires_at);
CREATE INDEX invitations_by_organization ON invitations (organization_id, id);

-- Whom failed sign-ins are counted for: a keyed hash of an address, alone and with the network that tried it.
CREATE TABLE sign_in_failures (
    subject BYTEA PRIMARY KEY NOT NULL,
    failures BIGINT NOT NULL,
    last_failed_at BIGINT NOT NULL
);

CREATE INDEX sign_in_failures_by_time ON sign_in_failures (last_failed_at);

ALTER TABLE organizations ADD COLUMN archived_at BIGINT;
ALTER TABLE organizations ADD COLUMN revision BIGINT NOT NULL DEFAULT 1;
ALTER TABLE workspaces ADD COLUMN archived_at BIGINT;
ALTER TABLE workspaces ADD COLUMN revision BIGINT NOT NULL DEFAULT 1;

-- NULL where it is not known, of keys that are older than this column; '' for none.
ALTER TABLE keys ADD COLUMN brand TEXT;
-- NULL for a service key.
ALTER TABLE keys ADD COLUMN owner_id BYTEA REFERENCES people (id);
-- NULL for the operator, on the command line.
ALTER TABLE keys ADD COLUMN created_by BYTEA;
-- The name without upper case, to search in, and the bytes of that, to sort by: databases differ in how they sort text.
ALTER TABLE keys ADD COLUMN name_folded TEXT NOT NULL DEFAULT '';
ALTER TABLE keys ADD COLUMN name_order BYTEA NOT NULL DEFAULT '';
ALTER TABLE keys ADD COLUMN description TEXT;
ALTER TABLE keys ADD COLUMN metadata TEXT NOT NULL DEFAULT '{}';
-- Those that a key of an organization is narrowed to; NULL for all of them.
ALTER TABLE keys ADD COLUMN workspaces TEXT;
ALTER TABLE keys ADD COLUMN cidrs TEXT NOT NULL DEFAULT '';
ALTER TABLE keys ADD COLUMN rate_limit_requests BIGINT;
ALTER TABLE keys ADD COLUMN rate_limit_period BIGINT;
ALTER TABLE keys ADD COLUMN monthly_quota BIGINT;
ALTER TABLE keys ADD COLUMN limits TEXT NOT NULL DEFAULT '{}';
ALTER TABLE keys ADD COLUMN shadow TEXT NOT NULL DEFAULT '';
ALTER TABLE keys ADD COLUMN shadow_refusals BIGINT NOT NULL DEFAULT 0;
ALTER TABLE keys ADD COLUMN expires_at BIGINT NOT NULL DEFAULT 9223372036854775807;
ALTER TABLE keys ADD COLUMN rotation_due_at BIGINT;
ALTER TABLE keys ADD COLUMN last_used_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE keys ADD COLUMN disabled_at BIGINT;
ALTER TABLE keys ADD COLUMN protected_at BIGINT;
ALTER TABLE keys ADD COLUMN rolled_from BYTEA;
ALTER TABLE keys ADD COLUMN rolled_to BYTEA;
-- The end of the grace after a roll: at that second, and when its successor is first used.
ALTER TABLE keys ADD COLUMN ends_at BIGINT NOT NULL DEFAULT 9223372036854775807;
ALTER TABLE keys ADD COLUMN ends_on_use BIGINT NOT NULL DEFAULT 0;
-- Whether the audit has its expiry.
ALTER TABLE keys ADD COLUMN expiry_noted BIGINT NOT NULL DEFAULT 0;
ALTER TABLE keys ADD COLUMN revision BIGINT NOT NULL DEFAULT 1;

CREATE INDEX keys_by_organization ON keys (organization_id, id);
CREATE INDEX keys_by_organization_and_name ON keys (organization_id, name_order, id);
CREATE INDEX keys_by_organization_and_use ON keys (organization_id, last_used_at, id);
CREATE INDEX keys_by_organization_and_expiry ON keys (organization_id, expires_at, id);
CREATE INDEX keys_by_owner ON keys (owner_id, organization_id) WHERE owner_id IS NOT NULL;
CREATE INDEX keys_by_end ON keys (ends_at) WHERE revoked_at IS NULL AND ends_at < 9223372036854775807;
CREATE INDEX keys_by_expiry ON keys (expires_at) WHERE expiry_noted = 0 AND expires_at < 9223372036854775807;

-- Each row holds the MAC of its own columns and of the row before it; `settings` holds the last one.
CREATE TABLE audit_events (
    sequence BIGINT PRIMARY KEY NOT NULL,
    at BIGINT NOT NULL,
    organization_id BYTEA,
    workspace_id BYTEA,
    actor_kind TEXT NOT NULL CHECK (actor_kind IN ('member', 'key', 'operator', 'system')),
    actor_id BYTEA,
    actor_name TEXT NOT NULL,
    action TEXT NOT NULL,
    target_kind TEXT NOT NULL,
    target_id BYTEA,
    -- The code of a refusal; NULL for what was done.
    refused TEXT,
    detail TEXT NOT NULL,
    request_id TEXT,
    address TEXT,
    mac BYTEA NOT NULL
);

CREATE INDEX audit_events_by_organization ON audit_events (organization_id, sequence);
CREATE INDEX audit_events_by_actor ON audit_events (organization_id, actor_id, sequence);
CREATE INDEX audit_events_by_target ON audit_events (organization_id, target_id, sequence);
CREATE INDEX audit_events_by_time ON audit_events (organization_id, at, sequence);

-- What a member's create came to, so that the same one again does nothing. Never a secret.
CREATE TABLE idempotency_keys (
    person_id BYTEA NOT NULL REFERENCES people (id),
    key_hash BYTEA NOT NULL,
    fingerprint BYTEA NOT NULL,
    resource_id BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (person_id, key_hash)
);

CREATE INDEX idempotency_keys_by_time ON idempotency_keys (created_at);
