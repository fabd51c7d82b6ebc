//! Presence from outside.

mod community;
mod registrar;
mod stage;
