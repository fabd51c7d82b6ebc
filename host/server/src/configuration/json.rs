//! TOML to JSON, without knowing what it means.

use serde_json::{Map, Number, Value};
use toml::de::{DeInteger, DeValue};

use super::problem::ProblemKind;
use super::section::Findings;
use super::source::{element_path, joined};
use super::value::shown;

/// A value as JSON. Dates become strings. What JSON cannot say (infinity, integers beyond 64 bits)
/// is noted as a problem and left out.
pub(super) fn converted(path: &str, value: &DeValue<'_>, findings: &Findings<'_>) -> Option<Value> {
    let unfit = |expected: &str| {
        let kind = ProblemKind::Mismatch { found: shown(value), expected: expected.to_owned() };
        findings.note(path, kind);
        None
    };
    match value {
        DeValue::String(text) => Some(Value::String(text.to_string())),
        DeValue::Boolean(truth) => Some(Value::Bool(*truth)),
        DeValue::Datetime(instant) => Some(Value::String(instant.to_string())),
        DeValue::Integer(integer) => match number(integer) {
            Some(number) => Some(Value::Number(number)),
            None => unfit("an integer of at most 64 bits"),
        },
        DeValue::Float(float) => match float.as_str().parse().ok().and_then(Number::from_f64) {
            Some(number) => Some(Value::Number(number)),
            None => unfit("a finite number"),
        },
        DeValue::Array(array) => {
            let elements = array.iter().enumerate();
            Some(Value::Array(
                elements
                    .filter_map(|(index, element)| {
                        converted(&element_path(path, index), element.get_ref(), findings)
                    })
                    .collect(),
            ))
        }
        DeValue::Table(table) => {
            let mut object = Map::new();
            for (key, value) in table.iter() {
                let key = key.get_ref();
                if let Some(json) = converted(&joined(path, key), value.get_ref(), findings) {
                    object.insert(key.to_string(), json);
                }
            }
            Some(Value::Object(object))
        }
    }
}

fn number(integer: &DeInteger<'_>) -> Option<Number> {
    let (digits, radix) = (integer.as_str(), integer.radix());
    u64::from_str_radix(digits, radix)
        .map(Number::from)
        .or_else(|_| i64::from_str_radix(digits, radix).map(Number::from))
        .ok()
}
