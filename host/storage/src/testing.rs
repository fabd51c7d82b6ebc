//! Engines for tests of what is built on them.

mod faulty;
mod power;

pub use faulty::{Fault, Faulty, Hold};
pub use power::{Disk, Powered};
