//! Views: what the read API shows, as queries and as the rows that they give.
//!
//! Owns the shape of each row: declared once, here, it is what a query fills, what is sent, and what the API's document
//! describes. Every query takes the transaction of one organization first and names that organization beside the
//! row-level security, so that the planner knows whose rows it looks for. Every list is a slice of bounded size behind a
//! position in one fixed order, so that nothing is shown twice or left out between two slices. Nothing is written here.
//!
//! Temperatures are integers of 0.01 °C and humidities integers of 0.01 %, as everywhere; no float is on the way.

mod alert;
mod at;
mod command;
mod configuration;
mod door_event;
mod event_log;
mod hub;
mod metric;
mod quarantine;
mod reading;
mod site;
mod slice;
mod unit;
mod words;

pub use alert::{Alert, AlertFilter, alert, alerts, alerts_of};
pub use at::{At, AtError, Range};
pub use command::{Command, PendingAcknowledgement, command, commands};
pub use configuration::{ConfigDocument, HubConfiguration, configurations, configurations_of, documents};
pub use door_event::{DoorEvent, door_events};
pub use event_log::{Entry, EntryFilter, event_log};
pub use hub::{Hub, HubLive, HubStream, hub, hub_exists, hubs, hubs_of};
pub use metric::{Metric, metrics};
pub use quarantine::{Quarantined, ReasonCount, quarantine, quarantine_counts};
pub use reading::{Reading, readings, readings_after};
pub use site::{Site, sites};
pub use slice::{Behind, Key, Placed, Position, Slice};
pub use unit::{Unit, UnitFilter, unit, unit_exists, units, units_of};
pub use words::{
    AlertSeverity, AlertStatus, AlertType, CommandKind, CommandState, DocumentState, Granularity,
    HubConfigurationState, UnitStatus, UnitType, UnknownWord,
};

use super::{StoreError, TenantTx};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::QueryAs;
use sqlx::{FromRow, Postgres};
use uuid::Uuid;

/// A query of rows in the one allowed form.
fn rows<R: for<'r> FromRow<'r, PgRow>>(sql: &'static str) -> QueryAs<'static, Postgres, R, PgArguments> {
    sqlx::query_as(sql).persistent(false)
}

/// The organization as the first parameter of every query.
fn own(tx: &TenantTx) -> Uuid {
    Uuid::from_bytes(*tx.organization().as_bytes())
}

/// True if asking again may help: the database was not reached, is starting or stopping, or is short of something.
pub fn is_passing(fault: &StoreError) -> bool {
    match fault {
        StoreError::Step { source, .. } => match source {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => true,
            sqlx::Error::Database(told) => told
                .code()
                .is_some_and(|code| ["08", "40", "53", "57"].iter().any(|class| code.starts_with(class))),
            _ => false,
        },
        StoreError::Url(_) | StoreError::Content { .. } => false,
    }
}
