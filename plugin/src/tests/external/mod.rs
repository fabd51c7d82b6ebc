//! Presence from outside.

mod community;
mod stage;
