//! FrostGuard shared.
