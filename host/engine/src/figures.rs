//! What the component counts for the operator (`metrics` in `wit/plugin.wit`).
//!
//! Invariant: no more than [`MOST`] series, whatever a component says; a name is either a counter or a
//! gauge, as it was said first.

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most series that are kept.
const MOST: usize = 10_000;
/// Longest name, in bytes.
const NAME: usize = 64;
/// Most labels of a figure.
const LABELS: usize = 8;
/// Longest value of a label, in bytes; longer ones are cut.
const LABEL: usize = 256;

/// A figure that cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadFigure {
    #[error("a name of a figure or label must be [a-z][a-z0-9_]*, up to {NAME} bytes: {0:?}")]
    Name(String),
    #[error("a figure with more than {LABELS} labels")]
    Labels,
}

/// A number of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// A sum that only grows.
    Counter(u64),
    /// A number that goes up and down.
    Gauge(f64),
}

/// Labels with their values, in order of their names.
type Labels = Vec<(String, String)>;

/// What one step says of one number: by how much a counter grows, or what a gauge is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub name: String,
    pub labels: Labels,
    pub value: Value,
}

impl Figure {
    pub fn new(name: String, mut labels: Labels, value: Value) -> Result<Figure, BadFigure> {
        for name in labels.iter().map(|(name, _)| name).chain([&name]) {
            let rest = name.strip_prefix(|first: char| first.is_ascii_lowercase());
            let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            if name.len() > NAME || !rest.is_some_and(|rest| rest.bytes().all(fits)) {
                return Err(BadFigure::Name(name.chars().take(NAME).collect()));
            }
        }
        if labels.len() > LABELS {
            return Err(BadFigure::Labels);
        }
        labels.sort();
        labels.dedup_by(|second, first| second.0 == first.0);
        for (_, value) in &mut labels {
            let end = (0..=LABEL.min(value.len())).rev().find(|end| value.is_char_boundary(*end));
            value.truncate(end.unwrap_or(0));
        }
        Ok(Figure { name, labels, value })
    }
}

/// All numbers of one name, by labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The name, as the component says it.
    pub name: String,
    /// Labels and values, all of one kind.
    pub values: Vec<(Vec<(String, String)>, Value)>,
}

/// What was said so far.
#[derive(Default)]
pub(crate) struct Figures {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    names: BTreeMap<String, BTreeMap<Labels, Value>>,
    series: usize,
}

impl Figures {
    /// Takes what a step has said.
    pub fn add(&self, figures: Vec<Figure>) {
        if figures.is_empty() {
            return;
        }
        let mut kept = self.kept.lock();
        for figure in figures {
            kept.add(figure);
        }
    }

    /// All of it, in order of names and labels.
    pub fn all(&self) -> Vec<Series> {
        let kept = self.kept.lock();
        let series = |(name, values): (&String, &BTreeMap<Labels, Value>)| {
            let values = values.iter().map(|(labels, value)| (labels.clone(), *value)).collect();
            Series { name: name.clone(), values }
        };
        kept.names.iter().map(series).collect()
    }
}

impl Kept {
    fn add(&mut self, figure: Figure) {
        let Figure { name, labels, value } = figure;
        let values = self.names.entry(name).or_default();
        let like = values.values().next().copied().unwrap_or(value);
        let known = values.get_mut(&labels);
        match (like, value, known) {
            (Value::Counter(_), Value::Counter(more), Some(Value::Counter(sum))) => {
                *sum = sum.saturating_add(more);
            }
            (Value::Gauge(_), Value::Gauge(_), Some(known)) => *known = value,
            (Value::Counter(_), Value::Counter(_), None) | (Value::Gauge(_), Value::Gauge(_), None)
                if self.series < MOST =>
            {
                values.insert(labels, value);
                self.series += 1;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(name: &str, label: &str, value: Value) -> Figure {
        Figure::new(name.into(), vec![("of".into(), label.into())], value).unwrap()
    }

    #[test]
    fn counters_grow_and_gauges_are_replaced() {
        let figures = Figures::default();
        figures.add(vec![figure("n", "a", Value::Counter(2)), figure("g", "a", Value::Gauge(2.5))]);
        figures.add(vec![figure("n", "a", Value::Counter(3)), figure("n", "b", Value::Counter(1))]);
        figures.add(vec![figure("g", "a", Value::Gauge(0.5)), figure("g", "a", Value::Counter(7))]);
        let all: Vec<(String, Vec<Value>)> = figures
            .all()
            .into_iter()
            .map(|series| (series.name, series.values.into_iter().map(|(_, value)| value).collect()))
            .collect();
        let expected = [
            ("g".to_owned(), vec![Value::Gauge(0.5)]),
            ("n".to_owned(), vec![Value::Counter(5), Value::Counter(1)]),
        ];
        assert_eq!(all, expected);
    }

    #[test]
    fn names_are_words_and_values_are_cut() {
        let name = |name: &str| Figure::new(name.into(), Vec::new(), Value::Counter(1)).is_ok();
        assert!(name("a_1"));
        assert!(!name("") && !name("1a") && !name("A") && !name("a-b") && !name(&"a".repeat(65)));
        let labels = |count: usize| {
            let labels = (0..count).map(|at| (format!("l{at}"), "\u{e9}".repeat(200))).collect();
            Figure::new("a".into(), labels, Value::Counter(1))
        };
        assert_eq!(labels(9).unwrap_err(), BadFigure::Labels);
        assert_eq!(labels(8).unwrap().labels[0].1.len(), 256);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let figures = Figures::default();
        for label in 0..MOST + 5 {
            figures.add(vec![figure("n", &label.to_string(), Value::Counter(1))]);
        }
        assert_eq!(figures.all()[0].values.len(), MOST);
    }
}
