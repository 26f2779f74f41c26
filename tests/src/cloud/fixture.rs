//! Owns two organizations with something in every table, for tests of what is shown and what is kept apart.
//! Takes a migrated database; gives the ids, keys and words of each organization.
//! Must never let the two share an id, a key or a word: whatever is seen of the other is told by its marks.

use frostguard_cloud::store::doors::SecretHash;

use super::database::Database;
use crate::error::SiteError;

const ROWS: &str = include_str!("fixture.sql");

/// The roles that there are; there is a key and a session of each.
pub const ROLES: [&str; 5] = ["viewer", "staff", "manager", "admin", "owner"];

/// From before the first to after the last row that is asked for by its time.
pub const FROM: &str = "2025-06-15T00:00:00Z";
/// The end of that range.
pub const TO: &str = "2025-07-15T00:00:00Z";

/// What an id is of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// The organization itself, number 0.
    Organization = 0,
    /// Sites 1 and 2, and 3 that is given up.
    Site = 1,
    /// Areas 1 and 2.
    Area = 2,
    /// Units 1 to 7: of 3 its door alone was heard, 7 is given up.
    Unit = 3,
    /// Hubs 1 and 2: 2 has nothing to show.
    Hub = 4,
    /// Device 1.
    Device = 5,
    /// Point 1.
    Point = 6,
    /// Alerts 1 to 8.
    Alert = 7,
    /// Person 1, whom a hub alone knows, and 11 to 15 who can sign in, with the roles in their order.
    Person = 8,
    /// Entries 1 to 13 of the event log, numbered in decimal digits.
    Entry = 11,
    /// Door events 1 to 9.
    DoorEvent = 12,
    /// Commands 1 and 2: the first is under way.
    Command = 14,
}

/// One of the two.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Organization {
    /// The eight digits that all of its ids begin with.
    pub digits: &'static str,
    /// The word that all of its texts hold.
    pub name: &'static str,
}

/// The first organization.
pub const ALFA: Organization = Organization { digits: "aaaaaaaa", name: "alfa" };
/// The other one.
pub const BRAVO: Organization = Organization { digits: "bbbbbbbb", name: "bravo" };

impl Organization {
    /// The id of its n-th thing of a kind.
    pub fn id(self, kind: Kind, n: u32) -> String {
        format!("{}-0000-7000-8000-{:04x}{n:08}", self.digits, kind as u16)
    }

    /// The epoch of its first hub's n-th journal.
    pub fn epoch(self, n: u32) -> String {
        format!("{}-0000-4000-8000-{n:012}", self.digits)
    }

    /// Its key with a role, or its key that is `revoked` or `expired`.
    pub fn key(self, kind: &str) -> String {
        format!("fg_{}_{kind}", self.name)
    }

    /// The token of its session of a person with a role, or of its session that is `idle` for too long or `expired`.
    pub fn session(self, kind: &str) -> String {
        hex::encode(SecretHash::of(format!("{} {kind}", self.name).as_bytes()).0)
    }

    /// The id that a path or a filter with this parameter can name.
    pub fn named(self, parameter: &str) -> Option<String> {
        let kind = match parameter {
            "site" => Kind::Site,
            "unit" => Kind::Unit,
            "hub" => Kind::Hub,
            "alert" => Kind::Alert,
            "command" => Kind::Command,
            _ => return None,
        };
        Some(self.id(kind, 1))
    }

    /// Whether a text shows anything of it.
    pub fn is_seen_in(self, text: &str) -> bool {
        text.contains(self.digits) || text.contains(self.name)
    }

    fn rows(self) -> String {
        ROWS.replace("@o@", self.digits).replace("@name@", self.name)
    }
}

/// Fills a migrated database with the two.
///
/// # Errors
/// When the database does not take the rows.
pub fn fill(database: &Database) -> Result<(), SiteError> {
    for organization in [ALFA, BRAVO] {
        database.psql(&organization.rows())?;
    }
    Ok(())
}
