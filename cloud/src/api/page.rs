//! Pages: a slice of a list as it is sent, with the token that asks for the next.

use super::cursor::Question;
use crate::store::views::{Behind, Placed, Slice};
use serde::Serialize;
use utoipa::ToSchema;

/// A page of a list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Page<R> {
    /// The rows.
    pub items: Vec<R>,
    /// If there are more: what to give as `after` for the next page, with the same other parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next: Option<String>,
}

/// The page that a request asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Wanted<K> {
    pub(super) behind: Behind<K>,
    pub(super) question: Question,
}

impl<R: Placed> Page<R> {
    pub(super) fn of(slice: Slice<R>, wanted: &Wanted<R::Key>) -> Self {
        let last = slice.items.last().filter(|_| slice.more);
        let next = last.map(|last| wanted.question.token(last.place()));
        Self { items: slice.items, next }
    }
}
