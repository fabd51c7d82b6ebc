//! Presence from outside.

mod always;
mod backend;
#[allow(dead_code)]
#[path = "../../../examples/calendar.rs"]
pub mod calendar;
mod circles;
mod community;
mod demand;
mod diary;
mod directory;
mod farewell;
mod lanes;
mod learning;
mod ledger;
mod loop_guard;
mod peers_model;
mod privacy;
mod register;
mod registrar;
mod stage;
mod third_kind;
