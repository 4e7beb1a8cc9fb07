use doorkey_core::{Environment, KeyId, KeyKind, MemberId};
use sqlx::AssertSqlSafe;

use super::{KeyRecord, KeyState, Level, owner_column, record, select_keys};
use crate::error::Error;
use crate::store::row::{NEVER, blob, to_i64};
use crate::store::{Reader, Tenant};

/// What keys are sorted by; keys that are alike follow their age.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum KeySort {
    #[default]
    CreatedAt,
    Name,
    LastUsedAt,
    ExpiresAt,
}

/// Which keys are wanted.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyFilter {
    pub(crate) kind: Option<KeyKind>,
    pub(crate) environment: Option<Environment>,
    pub(crate) state: Option<KeyState>,
    /// Personal keys of this member.
    pub(crate) owner: Option<MemberId>,
    /// Keys whose name holds this, in whatever case.
    pub(crate) name: Option<String>,
    pub(crate) sort: KeySort,
    pub(crate) descending: bool,
}

/// The key after which a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyCursor {
    pub(crate) value: SortValue,
    pub(crate) id: KeyId,
}

/// What a key is sorted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SortValue {
    Number(i64),
    Bytes(Vec<u8>),
}

impl KeySort {
    fn column(self) -> &'static str {
        match self {
            Self::CreatedAt => "k.id",
            Self::Name => "k.name_order",
            Self::LastUsedAt => "k.last_used_at",
            Self::ExpiresAt => "k.expires_at",
        }
    }

    /// Where this key stands in the order.
    pub(crate) fn cursor(self, key: &KeyRecord) -> KeyCursor {
        let value = match self {
            Self::CreatedAt => SortValue::Bytes(blob(key.id)),
            Self::Name => SortValue::Bytes(key.name.as_deref().unwrap_or_default().to_lowercase().into_bytes()),
            Self::LastUsedAt => SortValue::Number(key.last_used_at.map_or(0, to_i64)),
            Self::ExpiresAt => SortValue::Number(key.expires_at.map_or(NEVER, to_i64)),
        };
        KeyCursor { value, id: key.id }
    }

    /// What stands before all keys.
    fn begin(self, descending: bool) -> KeyCursor {
        let value = match (self, descending) {
            (Self::CreatedAt | Self::Name, false) => SortValue::Bytes(Vec::new()),
            // No byte of UTF-8, and no id, is as large.
            (Self::CreatedAt | Self::Name, true) => SortValue::Bytes(vec![0xff; 17]),
            (Self::LastUsedAt | Self::ExpiresAt, false) => SortValue::Number(-1),
            (Self::LastUsedAt | Self::ExpiresAt, true) => SortValue::Number(NEVER),
        };
        KeyCursor { value, id: KeyId::from_bytes([if descending { 0xff } else { 0 }; 16]) }
    }
}

/// The state of a key at the time $4, in words.
const STATE: &str = "CASE WHEN k.revoked_at IS NOT NULL OR k.ends_at <= $4 THEN 'revoked' \
     WHEN k.expires_at <= $4 THEN 'expired' WHEN k.disabled_at IS NOT NULL THEN 'disabled' \
     WHEN k.rolled_to IS NOT NULL THEN 'rolling' ELSE 'active' END";

impl Reader {
    /// One page of the keys of a workspace, or of a whole organization, its workspaces' included.
    pub(crate) async fn list_keys(
        &mut self,
        tenant: Tenant,
        filter: &KeyFilter,
        after: Option<KeyCursor>,
        limit: u32,
        now: u64,
    ) -> Result<Vec<KeyRecord>, Error> {
        let (level, owner) = owner_column(tenant);
        let of = match level {
            Level::Workspace => "k.workspace_id = $1",
            Level::Organization => "k.organization_id = $1",
        };
        let column = filter.sort.column();
        let (compare, order) = if filter.descending { ("<", "DESC") } else { (">", "ASC") };
        // By age there is nothing but the id, and SQLite takes an index for a plain comparison alone.
        let behind = match filter.sort {
            KeySort::CreatedAt => format!("k.id {compare} $9 AND LENGTH($8) >= 0 ORDER BY k.id {order}"),
            _ => format!("({column}, k.id) {compare} ($8, $9) ORDER BY {column} {order}, k.id {order}"),
        };
        // Our own words alone; all that a caller says is bound.
        let statement = format!(
            "{}WHERE {of} AND ($2 = '' OR k.kind = $2) AND ($3 = '' OR k.environment = $3) \
             AND ($5 = '' OR {STATE} = $5) AND (LENGTH($6) = 0 OR k.owner_id = $6) \
             AND ($7 = '' OR k.name_folded LIKE $7 ESCAPE '!') AND {behind} LIMIT $10",
            select_keys!()
        );
        let after = after.unwrap_or_else(|| filter.sort.begin(filter.descending));
        let query = sqlx::query(AssertSqlSafe(statement))
            .bind(owner)
            .bind(filter.kind.map_or("", KeyKind::as_str))
            .bind(filter.environment.map_or("", Environment::as_str))
            .bind(to_i64(now))
            .bind(filter.state.map_or("", KeyState::as_str))
            .bind(filter.owner.map_or_else(Vec::new, blob))
            .bind(filter.name.as_deref().map(to_pattern).unwrap_or_default());
        let query = match after.value {
            SortValue::Number(number) => query.bind(number),
            SortValue::Bytes(bytes) => query.bind(bytes),
        };
        let rows = query
            .bind(blob(after.id))
            .bind(i64::from(limit))
            .fetch_all(self.connection())
            .await
            .map_err(Error::store)?;
        rows.iter().map(record).collect()
    }
}

/// What LIKE takes for "holds this text".
fn to_pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for letter in text.to_lowercase().chars() {
        if matches!(letter, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(letter);
    }
    pattern + "%"
}
