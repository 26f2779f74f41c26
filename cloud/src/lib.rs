//! FrostGuard cloud.
