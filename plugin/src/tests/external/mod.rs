//! Presence from outside.

mod community;
mod loop_guard;
mod peers_model;
mod stage;
