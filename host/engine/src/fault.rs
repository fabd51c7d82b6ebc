//! Why a step failed, taken from what wasmtime says.

use crate::rehearsal::{self, FaultKind};
use crate::step::imports::StepError;
use std::fmt::{self, Write};
use wasmtime::WasmBacktrace;

/// Most bytes of the name of a function; generic ones can be long.
const NAME_BYTES: usize = 256;

/// The kind of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The component trapped.
    Trap,
    /// It took longer than a step may.
    Deadline,
    /// It wanted more memory than it may have.
    Memory,
    /// It passed another limit, or asked for what is not allowed.
    Limit,
    /// It returned a verdict that cannot be honoured.
    Verdict,
    /// No instance of it could be made.
    Instance,
    /// The store failed; the component is not to blame.
    Store,
}

impl Cause {
    /// The name shown to operators.
    pub fn name(self) -> &'static str {
        match self {
            Cause::Trap => "trap",
            Cause::Deadline => "deadline",
            Cause::Memory => "memory",
            Cause::Limit => "limit",
            Cause::Verdict => "verdict",
            Cause::Instance => "instance",
            Cause::Store => "store",
        }
    }
}

/// Why a step failed.
#[derive(Debug)]
pub(crate) struct Fault {
    pub cause: Cause,
    pub message: String,
    /// Functions of the component under way, the innermost first.
    pub backtrace: Vec<String>,
}

impl Fault {
    /// A fault without a place in the component.
    pub fn new(cause: Cause, message: impl fmt::Display) -> Fault {
        Fault { cause, message: message.to_string(), backtrace: Vec::new() }
    }

    /// What ended a call of the component. `memory` is whether it was refused memory before.
    pub fn of_call(error: &wasmtime::Error, memory: bool) -> Fault {
        let cause = match (error.downcast_ref::<wasmtime::Trap>(), error.downcast_ref::<StepError>()) {
            (Some(wasmtime::Trap::Interrupt), _) => Cause::Deadline,
            (_, Some(StepError::Store(_))) => Cause::Store,
            _ if memory => Cause::Memory,
            (_, Some(_)) => Cause::Limit,
            _ => Cause::Trap,
        };
        let said = match error.downcast_ref::<StepError>() {
            Some(error) => error.to_string(),
            None => error.root_cause().to_string(),
        };
        let message = match cause {
            Cause::Deadline => "it took longer than a step may".to_owned(),
            Cause::Memory => format!("out of memory: {said}"),
            _ => said,
        };
        Fault { cause, message, backtrace: functions(error) }
    }

    /// The function that has failed: the innermost one that is not of the language's own machinery.
    pub fn place(&self) -> Option<&str> {
        // What has no name stands between the component and the host.
        let others = ["core::", "std::", "alloc::", "__rust", "function "];
        let own = |name: &&String| others.iter().all(|other| !name.starts_with(other));
        self.backtrace.iter().find(own).or(self.backtrace.first()).map(String::as_str)
    }

    /// As the trace of the step has it.
    pub fn in_trace(&self) -> rehearsal::Fault {
        let kind = match self.cause {
            Cause::Trap | Cause::Instance => FaultKind::Trap,
            Cause::Deadline => FaultKind::Deadline,
            Cause::Memory | Cause::Limit | Cause::Verdict | Cause::Store => FaultKind::Limit,
        };
        rehearsal::Fault { kind, text: self.to_string() }
    }

    /// What went wrong before the component was called.
    pub fn of_begin(error: &StepError) -> Fault {
        let cause = match error {
            StepError::Store(_) => Cause::Store,
            _ => Cause::Limit,
        };
        Fault::new(cause, error)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.cause.name(), self.message)
    }
}

/// Names of the functions in a backtrace; the number of one without a name.
fn functions(error: &wasmtime::Error) -> Vec<String> {
    let frames = error.downcast_ref::<WasmBacktrace>().map_or(&[][..], WasmBacktrace::frames);
    let name = |frame: &wasmtime::FrameInfo| match frame.func_name() {
        Some(name) => readable(name),
        None => format!("function {}", frame.func_index()),
    };
    frames.iter().map(name).collect()
}

/// A mangled name as the source has it, cut where it is long.
fn readable(name: &str) -> String {
    let mut text = Cut(String::new());
    // It only fails where it has become too long, and then the beginning is there.
    let _ = write!(text, "{:#}", rustc_demangle::demangle(name));
    text.0
}

struct Cut(String);

impl Write for Cut {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let room = NAME_BYTES.saturating_sub(self.0.len());
        let end = part.floor_char_boundary(room);
        self.0.push_str(&part[..end]);
        if end < part.len() { Err(fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_source() {
        assert_eq!(readable("_ZN4core9panicking5panic17h0123456789abcdefE"), "core::panicking::panic");
        assert_eq!(readable("_RNvC6plugin5panic"), "plugin::panic");
        assert_eq!(readable("memcpy"), "memcpy");
        assert_eq!(readable(&"ä".repeat(1000)).len(), NAME_BYTES);
    }
}
