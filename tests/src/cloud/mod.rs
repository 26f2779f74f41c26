//! Owns the world around the cloud: Postgres, PgBouncer, the link between hub and cloud, and the cloud's process.
//! Takes free ports and folders; gives servers that end with the process that made them.
//! Must never touch a server that was there before, nor listen beyond the loopback.

pub mod access_world;
pub mod account;
pub mod cloud_world;
pub mod database;
pub mod fixture;
pub mod ingest_world;
pub mod pgbouncer;
pub mod postgres;
pub mod proxy;
pub mod push_world;
pub mod recorder;
pub mod service;
pub mod shared;
pub mod visitor;
