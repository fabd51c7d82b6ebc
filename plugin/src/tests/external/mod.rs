//! Presence from outside.

mod backend;
mod community;
mod stage;
