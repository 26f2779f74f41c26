//! FrostGuard tests.
