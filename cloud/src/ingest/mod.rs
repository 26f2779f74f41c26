//! Taking the record.
