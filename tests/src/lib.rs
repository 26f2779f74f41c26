//! Owns FrostGuard's end-to-end world: a simulated site, the harness around the hub, and the stories told with them.
//! Takes free ports and a state folder; gives sites and hubs that end with the process that made them.
//! Must never be linked into the hub or the cloud.

pub mod browser;
pub mod chance;
pub mod chromium;
pub mod clock;
pub mod cloud;
pub mod day;
pub mod demo;
pub mod error;
pub mod havoc;
pub mod hub;
pub mod oracle;
pub mod outage;
pub mod outcome;
pub mod process;
pub mod programs;
pub mod site;
pub mod story;
pub mod verifier;
pub mod workbench;
pub mod world;
