//! Reading an object of the configuration, telling every problem.

use serde_json::{Map, Value};

use super::Problem;

/// A value that is not what was expected.
pub(super) fn problem(key: &str, found: &Value, expected: &str) -> Problem {
    let mut found = found.to_string();
    if found.len() > 60 {
        let end = (0..=60).rev().find(|end| found.is_char_boundary(*end)).unwrap_or(0);
        found.truncate(end);
        found.push('…');
    }
    Problem { key: key.to_owned(), message: format!("found {found}, expected {expected}") }
}

/// An object within the configuration; an absent one is empty.
pub(super) struct Section<'a> {
    prefix: String,
    values: Option<&'a Map<String, Value>>,
}

impl<'a> Section<'a> {
    pub(super) fn of(
        parent: &'a Map<String, Value>,
        prefix: &str,
        key: &str,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let prefix = if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") };
        let values = match parent.get(key) {
            Some(Value::Object(values)) => Some(values),
            Some(other) => {
                problems.push(problem(&prefix, other, "an object"));
                None
            }
            None => None,
        };
        Self { prefix, values }
    }

    pub(super) fn section(&self, key: &str, problems: &mut Vec<Problem>) -> Section<'a> {
        match self.values {
            Some(values) => Section::of(values, &self.prefix, key, problems),
            None => Section { prefix: self.dotted(key), values: None },
        }
    }

    /// The objects in a list; each is named by its place, from 0.
    pub(super) fn entries(&self, key: &str, most: usize, problems: &mut Vec<Problem>) -> Vec<Section<'a>> {
        let found = self.get(key);
        let key = self.dotted(key);
        let listed = match found {
            None => return Vec::new(),
            Some(Value::Array(listed)) if listed.len() <= most => listed,
            Some(other) => {
                problems.push(problem(&key, other, &format!("a list of at most {most} objects")));
                return Vec::new();
            }
        };
        let mut sections = Vec::with_capacity(listed.len());
        for (index, value) in listed.iter().enumerate() {
            let prefix = format!("{key}.{index}");
            match value {
                Value::Object(values) => sections.push(Section { prefix, values: Some(values) }),
                other => problems.push(problem(&prefix, other, "an object")),
            }
        }
        sections
    }

    pub(super) fn dotted(&self, key: &str) -> String {
        format!("{}.{key}", self.prefix)
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.values.and_then(|values| values.get(key))
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| !value.is_null())
    }

    /// Reports keys that are none of these: most likely misspelt.
    pub(super) fn only(&self, known: &[&str], problems: &mut Vec<Problem>) {
        for key in self.values.into_iter().flat_map(Map::keys) {
            if !known.contains(&key.as_str()) {
                let message = format!("unknown key, expected one of {}", known.join(", "));
                problems.push(Problem { key: self.dotted(key), message });
            }
        }
    }

    pub(super) fn number(
        &self,
        key: &str,
        min: u32,
        max: u32,
        default: u32,
        problems: &mut Vec<Problem>,
    ) -> u32 {
        let Some(value) = self.get(key) else { return default };
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        match number.filter(|number| (min..=max).contains(number)) {
            Some(number) => number,
            None => {
                let expected = format!("a whole number from {min} to {max}");
                problems.push(problem(&self.dotted(key), value, &expected));
                default
            }
        }
    }

    pub(super) fn flag(&self, key: &str, default: bool, problems: &mut Vec<Problem>) -> bool {
        match self.get(key) {
            None => default,
            Some(Value::Bool(flag)) => *flag,
            Some(other) => {
                problems.push(problem(&self.dotted(key), other, "true or false"));
                default
            }
        }
    }
}
