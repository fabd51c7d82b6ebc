//! Presence from outside.

mod community;
mod loop_guard;
mod stage;
