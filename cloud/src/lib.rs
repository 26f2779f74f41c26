//! FrostGuard's cloud side: will receive the hubs' readings, events and chained logs, and show them to people far away.
//!
//! It has no parts yet. What it may import is fixed already: `frostguard-shared`, and never the hub.
