//! What hubs speak to.
