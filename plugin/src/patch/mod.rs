//! XML patch operations (RFC 5261): applying them, and finding those that lead from one
//! document to another.
//!
//! A patch is applied as a whole or not at all: [`apply()`] takes the document and gives it
//! back only when every operation succeeded. What it may cost is bounded, so that neither a
//! hostile selector nor many operations on a large document hold a step up.

mod apply;
mod difference;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod identified;
mod locate;
mod mangle;
mod operation;
mod selector;

pub use apply::apply;
pub use difference::{Difference, difference};
pub use error::{PatchError, Problem};
pub use identified::Identified;
pub use operation::{Operation, Patch, Position, Space};
pub use selector::{Condition, Last, QualifiedName, Selector, Step, Test};
