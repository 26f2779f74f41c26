//! FrostGuard edge.
