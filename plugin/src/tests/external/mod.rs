//! Presence from outside.

mod community;
mod demand;
mod directory;
mod ledger;
mod loop_guard;
mod registrar;
mod stage;
