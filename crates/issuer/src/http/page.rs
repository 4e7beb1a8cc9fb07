//! Long lists, a page at a time.

use std::borrow::Cow;

use doorkey_core::{Id, parse_base64url, to_base64url};
use serde::de::{Deserialize, Deserializer, Error as _};
use utoipa::{IntoParams, ToSchema};

use crate::error::Error;

/// Which part of a list is asked for. A list with further parameters has these two among its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// How many entries at most.
    #[serde(default)]
    #[param(value_type = Option<u64>, minimum = 1, maximum = 100, default = 50)]
    pub(super) limit: Limit,
    /// Where to go on: the `next_cursor` of the page before.
    #[param(value_type = Option<String>)]
    pub(super) cursor: Option<Cursor>,
}

impl Page {
    /// Behind which entry the page begins, in a list that is ordered by ids; before the first one, the smallest.
    pub(super) fn after<K>(&self) -> Result<Id<K>, Error> {
        match &self.cursor {
            None => Ok(Id::from_bytes([0; 16])),
            Some(cursor) if cursor.sort_key.is_empty() => Ok(Id::from_bytes(cursor.id)),
            Some(_) => Err(Error::invalid("cursor", "is of another list")),
        }
    }
}

/// How many entries a page has at most: 1 to 100, 50 unless told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limit(u8);

impl Limit {
    /// The number.
    pub(super) fn entries(self) -> u32 {
        self.0.into()
    }

    /// One more: whether there is a next page shows when it is asked for.
    pub(super) fn entries_and_one(self) -> u32 {
        self.entries() + 1
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)?.try_into() {
            Ok(limit @ 1..=100) => Ok(Self(limit)),
            _ => Err(D::Error::custom("a page has 1 to 100 entries")),
        }
    }
}

/// The last entry of a page, behind which the next one begins; opaque to callers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    /// What the list is ordered by.
    pub(super) sort_key: Vec<u8>,
    /// The entry's id, where several have the same sort key.
    pub(super) id: [u8; 16],
}

impl Cursor {
    /// The form of the bytes: this one, the id, the sort key.
    const VERSION: u8 = 1;
    /// Most characters of the text.
    const MAX_LEN: usize = 1024;

    /// Of an entry in a list that is ordered by ids.
    pub(super) fn of_id<K>(id: Id<K>) -> Self {
        Self { sort_key: Vec::new(), id: *id.as_bytes() }
    }

    /// Reads what [`to_text`](Self::to_text) wrote.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes = Some(text).filter(|text| text.len() <= Self::MAX_LEN).and_then(parse_base64url)?;
        let (id, sort_key) = bytes.strip_prefix(&[Self::VERSION])?.split_first_chunk()?;
        Some(Self { sort_key: sort_key.to_vec(), id: *id })
    }

    /// The text, base64url.
    pub(super) fn to_text(&self) -> String {
        to_base64url(&[&[Self::VERSION], &self.id[..], &self.sort_key].concat())
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("this is no cursor of a page"))
    }
}

/// One page of a list.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct Listing<T> {
    /// The entries, in the order of the list.
    data: Vec<T>,
    /// Where the next page begins; `null` on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
}

impl<T> Listing<T> {
    /// The page of a list of which [one more](Limit::entries_and_one) than asked for was read, if there was one more.
    pub(super) fn of<R>(
        mut rows: Vec<R>,
        limit: Limit,
        cursor: impl Fn(&R) -> Cursor,
        show: impl FnMut(R) -> T,
    ) -> Self {
        let has_more = rows.len() > limit.0.into();
        rows.truncate(limit.0.into());
        let next_cursor = rows.last().filter(|_| has_more).map(|row| cursor(row).to_text());
        Self { data: rows.into_iter().map(show).collect(), next_cursor }
    }

    /// All of a list that is never long.
    pub(super) fn whole(data: Vec<T>) -> Self {
        Self { data, next_cursor: None }
    }
}

#[cfg(test)]
mod tests {
    use axum::extract::{FromRequestParts, Request};
    use doorkey_core::WorkspaceId;

    use super::{Cursor, Limit, Listing, Page};
    use crate::error::Error;
    use crate::http::query::Query;

    async fn read(query: &str) -> Result<Page, Error> {
        let (mut parts, ()) = Request::get(format!("/?{query}")).body(()).unwrap().into_parts();
        Query::from_request_parts(&mut parts, &()).await.map(|Query(page)| page)
    }

    #[tokio::test]
    async fn a_page_has_a_limit_and_a_beginning() {
        assert_eq!(read("").await.unwrap(), Page { limit: Limit(50), cursor: None });
        let cursor = Cursor { sort_key: vec![1, 2], id: [7; 16] };
        let text = cursor.to_text();
        assert_eq!(
            read(&format!("limit=100&cursor={text}")).await.unwrap(),
            Page { limit: Limit(100), cursor: Some(cursor) }
        );
        let (old, long) = (format!("AA{}", &text[2..]), text.repeat(50));
        let wrong = ["", "x", "AQ", "%00", &old, &long, &format!("{text}=")];
        let wrong = wrong.iter().map(|text| (format!("cursor={text}"), "cursor"));
        let limits = ["0", "101", "256", "x", "", "1&limit=2"].iter().map(|text| (format!("limit={text}"), "limit"));
        for (query, field) in wrong.chain(limits).chain([("offset=1".into(), "offset")]) {
            let error = read(&query).await.unwrap_err();
            assert_eq!((error.code().as_str(), &*error.fields()[0].field), ("invalid_input", field), "{query}");
        }
    }

    #[test]
    fn a_list_by_ids_takes_no_cursor_of_another_order() {
        let page = |cursor| Page { limit: Limit::default(), cursor };
        let after = |cursor| -> Result<WorkspaceId, Error> { page(cursor).after() };
        let id = WorkspaceId::from_bytes([7; 16]);
        assert_eq!(after(Some(Cursor::of_id(id))).unwrap(), id);
        assert_eq!(*after(None).unwrap().as_bytes(), [0; 16]);
        assert!(after(Some(Cursor { sort_key: vec![1], id: [7; 16] })).is_err());
    }

    #[test]
    fn the_last_page_says_so() {
        let of =
            |rows: Vec<u8>| Listing::of(rows, Limit(2), |row| Cursor { sort_key: vec![*row], id: [0; 16] }, |row| row);
        assert_eq!(
            serde_json::to_value(of(vec![1, 2])).unwrap(),
            serde_json::json!({"data": [1, 2], "next_cursor": null})
        );
        let listing = of(vec![1, 2, 3]);
        assert_eq!(listing.data, [1, 2]);
        assert_eq!(Cursor::parse(&listing.next_cursor.unwrap()).unwrap().sort_key, [2]);
        assert!(Listing::whole(vec![1]).next_cursor.is_none());
    }
}
