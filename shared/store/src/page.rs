//! Lists that are read page by page. A page has at most as many entries as the caller wants, and the cursor of the next page.
//!
//! A cursor states after which entry the next page begins, and to which list it belongs. It is opaque to callers. It is not
//! signed, because a forged one gives nothing: it selects another place in a list that the caller may read anyway.

use std::{fmt, str::FromStr};

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{Error, Store, item::Attributes};

/// The number of entries of a page, unless the caller wants another one.
pub const DEFAULT_LIMIT: u16 = 100;
/// The most entries of a page.
pub const MAX_LIMIT: u16 = 200;

/// The place in a list after which a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    list: String,
    after: String,
}

impl Cursor {
    pub(crate) fn new(list: &str, after: String) -> Self {
        Self { list: list.to_owned(), after }
    }

    /// The place in `list`, as that list has written it.
    pub(crate) fn after(&self, list: &str) -> Result<&str, NotACursor> {
        if self.list == list { Ok(&self.after) } else { Err(NotACursor) }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { list, after } = self;
        f.write_str(&URL_SAFE_NO_PAD.encode(format!("{list}\n{after}")))
    }
}

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(given: &str) -> Result<Self, NotACursor> {
        let text = URL_SAFE_NO_PAD.decode(given).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or(NotACursor)?;
        let (list, after) = text.split_once('\n').ok_or(NotACursor)?;
        Ok(Self::new(list, after.to_owned()))
    }
}

/// A text that is not a cursor of the list that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a cursor of this list")]
pub struct NotACursor;

/// Which page of a list is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// The most entries of the page, at least 1.
    pub limit: u16,
    /// The cursor that the page before has given. `None`: the first page.
    pub cursor: Option<Cursor>,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries, in the order of the list.
    pub entries: Vec<T>,
    /// The cursor of the next page. `None`: this is the last page.
    pub next: Option<Cursor>,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The cursor belongs to another list, or no list has given it. The request is wrong.
    #[error(transparent)]
    Cursor(#[from] NotACursor),
    /// A technical failure.
    #[error(transparent)]
    Store(#[from] Error),
}

impl Store {
    /// One query for a page, in the order of `query`: its items, and whether there are more. There are fewer than `limit` items
    /// although there are more when they exceed the 1 MB that DynamoDB returns per query.
    pub(crate) async fn page(
        &self,
        query: QueryFluentBuilder,
        limit: u16,
        operation: &'static str,
    ) -> Result<(Vec<Attributes>, bool), Error> {
        // One more item shows whether there are more.
        let page = query.limit(i32::from(limit) + 1).send().await.map_err(|error| Error::of(operation, &error))?;
        let (mut items, limit) = (page.items.unwrap_or_default(), usize::from(limit));
        let more = items.len() > limit || page.last_evaluated_key.is_some();
        items.truncate(limit);
        Ok((items, more))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_text_that_its_own_list_reads() {
        let cursor = Cursor::new("LICENSE#4MRX7PQ2HVW", "2026-11-22T10:00:00Z#u".to_owned());
        let text = cursor.to_string();
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{text} needs no escaping in a URL");
        let read: Cursor = text.parse().unwrap();
        assert_eq!(read, cursor);
        assert_eq!(read.after("LICENSE#4MRX7PQ2HVW"), Ok("2026-11-22T10:00:00Z#u"));
        assert_eq!(read.after("reviews"), Err(NotACursor));
    }

    #[test]
    fn no_other_text_is_a_cursor() {
        let list_alone = URL_SAFE_NO_PAD.encode("reviews");
        let no_text = URL_SAFE_NO_PAD.encode(b"\xff\n\xff");
        for given in ["", "2", "====", "reviews\nx", &list_alone, &no_text] {
            assert_eq!(given.parse::<Cursor>(), Err(NotACursor), "{given}");
        }
    }
}
