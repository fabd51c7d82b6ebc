//! One step: a call of an exported handler with everything it reads and stages.
//!
//! Invariant: nothing that a handler asks for touches a partition, a timer or the network
//! before the handler has returned. [`stage`] holds it until then, [`imports`] fills it,
//! [`current`] knows where it reads, [`input`] says what called.

pub(crate) mod current;
pub(crate) mod imports;
pub(crate) mod input;
pub(crate) mod stage;
pub(crate) mod wellformed;
