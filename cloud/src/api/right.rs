//! Rights: what a route needs of whoever calls it, as a type, and the one table that says which roles have it.
//!
//! A handler takes a [`Caller`](super::caller::Caller) of the right that it needs, and there is no other way to a
//! transaction, so that no route can forget to ask. What a route needs stands in the API's document too (`need`);
//! that both say the same is tried by driving every route of the document with every role.

use super::caller::ApiState;
use crate::store::doors::Role;
use utoipa::openapi::PathItem;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::SecurityRequirement;
use utoipa_axum::router::UtoipaMethodRouter;

/// What may be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Right {
    /// See everything of the organization.
    Look,
    /// Answer an alert.
    Respond,
    /// Set rules, and tell hubs to do something.
    Configure,
    /// Decide on people and keys.
    Administer,
}

impl Right {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Look, Self::Respond, Self::Configure, Self::Administer];

    /// Its word in the API's document.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Look => "look",
            Self::Respond => "respond",
            Self::Configure => "configure",
            Self::Administer => "administer",
        }
    }

    /// The table: who has it.
    pub const fn holders(self) -> &'static [Role] {
        use Role::{Admin, Manager, Owner, Staff, Viewer};
        match self {
            Self::Look => &[Viewer, Staff, Manager, Admin, Owner],
            Self::Respond => &[Staff, Manager, Admin, Owner],
            Self::Configure => &[Manager, Admin, Owner],
            Self::Administer => &[Admin, Owner],
        }
    }

    /// True if a role has it.
    pub fn is_of(self, role: Role) -> bool {
        self.holders().contains(&role)
    }
}

mod sealed {
    pub trait Sealed {}
}

/// A right as a type. There are no others than those of this file.
pub trait Permission: sealed::Sealed + Send + Sync + 'static {
    /// The right.
    const RIGHT: Right;
}

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident,)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum $name {}
        impl sealed::Sealed for $name {}
        impl Permission for $name {
            const RIGHT: Right = Right::$name;
        }
    )+};
}

permissions! {
    /// [`Right::Look`]
    Look,
    /// [`Right::Respond`]
    Respond,
    /// [`Right::Configure`]
    Configure,
    /// [`Right::Administer`]
    Administer,
}

/// Says in the document what the routes need: a key or a session with this right.
pub(super) fn need<P: Permission>(routes: UtoipaMethodRouter<ApiState>) -> UtoipaMethodRouter<ApiState> {
    needing::<P>(routes, &["key", "session"])
}

/// The same of routes that are for people alone.
pub(super) fn need_session<P: Permission>(
    routes: UtoipaMethodRouter<ApiState>,
) -> UtoipaMethodRouter<ApiState> {
    needing::<P>(routes, &["session"])
}

fn needing<P: Permission>(
    mut routes: UtoipaMethodRouter<ApiState>,
    schemes: &[&str],
) -> UtoipaMethodRouter<ApiState> {
    let needed = schemes.iter().map(|scheme| SecurityRequirement::new(*scheme, [P::RIGHT.word()]));
    let needed: Vec<_> = needed.collect();
    for operation in routes.1.paths.values_mut().flat_map(operations) {
        operation.security = Some(needed.clone());
    }
    routes
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    [get, put, post, delete, patch].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_a_right_has_every_lesser_one() {
        for pair in Right::ALL.windows(2) {
            for role in Role::ALL {
                assert!(pair[0].is_of(role) || !pair[1].is_of(role), "{role:?} {pair:?}");
            }
        }
    }

    #[test]
    fn the_table_is_the_one_that_was_agreed() {
        let lowest = |right: Right| Role::ALL.into_iter().find(|role| right.is_of(*role));
        let expected = [Role::Viewer, Role::Staff, Role::Manager, Role::Admin].map(Some);
        assert_eq!(Right::ALL.map(lowest), expected);
    }
}
