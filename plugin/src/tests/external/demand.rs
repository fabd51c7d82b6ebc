//! When a source is wanted.
