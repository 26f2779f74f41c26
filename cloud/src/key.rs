//! The cloud's key.
