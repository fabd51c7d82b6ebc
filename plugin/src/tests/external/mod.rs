//! Presence from outside.

mod backend;
mod community;
mod demand;
mod directory;
mod ledger;
mod stage;
