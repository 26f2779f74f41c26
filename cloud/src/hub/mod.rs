//! What hubs speak to: one message in, one message out, each in the wire's one spelling.
//!
//! Owns the routes of [`frostguard_shared::wire::path`]. Takes bodies of bounded size; gives messages or a
//! [`frostguard_shared::wire::Problem`] with the HTTP status that its reason has. It decides nothing about records.

pub mod body;
pub mod desired;
pub mod enrol;
pub mod login;
pub mod record;
pub mod site;
pub mod waiting;

use crate::store::Database;
use axum::Router;
use frostguard_shared::signature::SecretKey;
use std::sync::Arc;
use waiting::Waiting;

/// What every handler for hubs is given.
#[derive(Clone)]
pub struct HubState {
    /// The database.
    pub database: Database,
    /// The cloud's key, which the hubs pin.
    pub key: Arc<SecretKey>,
    /// Hubs that wait for what is desired of them.
    pub waiting: Waiting,
}

/// Everything that hubs can ask.
pub fn routes() -> Router<HubState> {
    login::routes()
        .merge(enrol::routes())
        .merge(site::routes())
        .merge(record::routes())
        .merge(desired::routes())
}
