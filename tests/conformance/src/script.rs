//! Scripts for the conformance plugin (`guest/src/lib.rs`): statements, each a word and its arguments.

use std::fmt::{Display, Write as _};

/// Makes a script: `script![enter "p"; put "k" 1]`. An argument is one token, or in parentheses. Words with a
/// hyphen are written with an underscore.
#[macro_export]
macro_rules! script {
    (@word $done:expr,) => { $done };
    (@word $done:expr, $word:ident $($rest:tt)*) => { $crate::script!(@of $done, $word, [] $($rest)*) };
    (@of $done:expr, $word:ident, [$($argument:tt)*]) => {
        $done.then(stringify!($word), &[$(&$argument as &dyn std::fmt::Display),*])
    };
    (@of $done:expr, $word:ident, [$($argument:tt)*]; $($rest:tt)*) => {
        $crate::script!(@word $crate::script!(@of $done, $word, [$($argument)*]), $($rest)*)
    };
    (@of $done:expr, $word:ident, [$($argument:tt)*] $next:tt $($rest:tt)*) => {
        $crate::script!(@of $done, $word, [$($argument)* $next] $($rest)*)
    };
    ($($statements:tt)*) => { $crate::script!(@word $crate::script::Script::default(), $($statements)*) };
}

/// What the plugin is to do in one step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script(String);

impl Script {
    /// The same and one more statement.
    #[must_use]
    pub fn then(mut self, word: &str, arguments: &[&dyn Display]) -> Self {
        self.0.push_str(&word.replace('_', "-"));
        for argument in arguments {
            self.0.push(' ');
            for byte in argument.to_string().bytes() {
                if byte.is_ascii_alphanumeric() || b"-_.:@;=<>/".contains(&byte) {
                    self.0.push(byte.into());
                } else {
                    let _ = write!(self.0, "%{byte:02x}");
                }
            }
        }
        self.0.push('\n');
        self
    }

    /// The same and all statements of another script.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.0.push_str(&other.0);
        self
    }
}

impl Display for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_script_can_be_an_argument_of_another() {
        let inner = script![append "k" "a b"];
        let outer = script![enter "p"; timer "t" (-5) inner; random_of 9];
        assert_eq!(inner.to_string(), "append k a%20b\n");
        assert_eq!(outer.to_string(), "enter p\ntimer t -5 append%20k%20a%2520b%0a\nrandom-of 9\n");
    }
}
