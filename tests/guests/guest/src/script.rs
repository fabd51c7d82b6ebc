//! Running a script.

use crate::{foreach_hostile, hostile, words};

/// A script under way.
#[derive(Default)]
pub struct Run {
    /// What it printed.
    pub out: String,
    /// The request is not taken.
    pub pass: bool,
    /// The request goes on in this partition, with this payload.
    pub forward: Option<(String, Vec<u8>)>,
    /// Status to answer with, if not 200.
    pub status: Option<u16>,
    /// Reason phrase to answer with, if not "OK".
    pub reason: Option<String>,
    /// Header lines to answer with.
    pub headers: Vec<u8>,
    /// Why a document is not taken.
    pub refusal: Option<String>,
    /// What the step was told: the status of a response, the instant of a timer, the partition that
    /// a request was forwarded to, the question of an operator.
    pub outcome: String,
    /// The method of the request.
    pub method: String,
    /// Whether the request has header lines, so that its answer needs them too.
    pub over_sip: bool,
    /// Whether the script came from outside, not from within another one.
    pub outermost: bool,
}

macro_rules! hostile_word {
    ($($name:ident,)*) => {
        /// Runs a hostile word; false if it is none.
        fn hostile_word(run: &mut Run, word: &str) -> bool {
            match word {
                $(stringify!($name) => hostile::$name(run),)*
                _ => return false,
            }
            true
        }
    };
}
foreach_hostile!(hostile_word);

impl Run {
    /// Runs a script from outside, statements on lines.
    pub fn lines(&mut self, script: &[u8]) {
        self.outermost = true;
        self.statements(script, '\n');
    }

    /// Runs a script that was within another one.
    pub fn script(&mut self, script: &[u8]) {
        self.statements(script, ';');
    }

    /// A script to hand on: one level of nesting is taken away.
    pub fn inner(&self, script: &str) -> Vec<u8> {
        if self.outermost { script.into() } else { script.replace('|', ";").into() }
    }

    fn statements(&mut self, script: &[u8], separator: char) {
        assert!(!crate::edition().contains("fragile"), "too fragile for anything");
        let script = std::str::from_utf8(script).unwrap();
        for statement in script.split(separator).filter(|statement| !statement.is_empty()) {
            // newer STATEMENT: what only the second edition does.
            let statement = match statement.strip_prefix("newer ") {
                Some(newer) if crate::edition().contains("second") => newer,
                Some(_) => continue,
                None => statement,
            };
            let (word, rest) = statement.split_once(' ').unwrap_or((statement, ""));
            if !hostile_word(self, word) {
                words::word(self, word, rest);
            }
        }
    }

    /// Prints a line.
    pub fn print(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }
}
