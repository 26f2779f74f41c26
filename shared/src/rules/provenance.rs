//! Provenance: every field of a rule says where its value was set.
//!
//! Owns the places at which something can be said, from the nearest to the furthest.

use serde::{Deserialize, Serialize};

/// Where a field's value was set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    /// At the unit.
    Unit,
    /// At its area.
    Area,
    /// At the site.
    Site,
    /// At the organization.
    Organization,
    /// In the template of the unit's type.
    Template,
    /// The system's default.
    System,
}

impl Provenance {
    /// The word for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unit => "unit",
            Self::Area => "area",
            Self::Site => "site",
            Self::Organization => "organization",
            Self::Template => "template",
            Self::System => "system default",
        }
    }
}

/// A field's value and where it was set.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Field<T> {
    /// The value.
    pub value: T,
    /// Where it was set.
    pub provenance: Provenance,
}

impl<T> Field<T> {
    /// A value set at the unit itself.
    pub const fn unit(value: T) -> Self {
        Self { value, provenance: Provenance::Unit }
    }
    /// A system default.
    pub const fn system(value: T) -> Self {
        Self { value, provenance: Provenance::System }
    }
    /// True if somebody has said it.
    pub fn is_said(&self) -> bool {
        self.provenance != Provenance::System
    }
}
