//! Questions about identities, presentities and sources of presence outside. The component answers them; here its answers are only
//! handed on.

use hyper::StatusCode;
use serde::de::IgnoredAny;

use super::query::parameters;
use super::reply::{Reply, json_text, refusal, unanswered};
use super::{Control, Unanswered};

/// Presentities on a page, unless something else is asked for.
const PAGE: usize = 100;
/// Most presentities on a page.
const MOST: usize = 1000;

/// Beginning of the names of partitions that are about a source of presence outside, not about somebody.
const SOURCE: &str = "source:";

/// A question about a URI.
pub(super) fn about(control: &dyn Control, question: &str, query: Option<&str>) -> Reply {
    with_argument(control, question, "uri", query)
}

/// What is known of one source of presence outside.
pub(super) fn source(control: &dyn Control, query: Option<&str>) -> Reply {
    with_argument(control, "source", "name", query)
}

/// All sources of presence outside.
pub(super) fn sources(control: &dyn Control, query: Option<&str>) -> Reply {
    match query {
        None | Some("") => answered(control, "source", ""),
        Some(_) => {
            refusal(StatusCode::BAD_REQUEST, "expected no parameters; one source is at /source?name=NAME")
        }
    }
}

fn with_argument(
    control: &dyn Control,
    question: &str,
    parameter: &'static str,
    query: Option<&str>,
) -> Reply {
    match parameters(query, [parameter]) {
        Ok([Some(argument)]) if !argument.is_empty() => answered(control, question, &argument),
        Ok(_) => {
            let expected = format!("expected ?{parameter}={}", parameter.to_ascii_uppercase());
            refusal(StatusCode::BAD_REQUEST, &expected)
        }
        Err(problem) => refusal(StatusCode::BAD_REQUEST, &problem),
    }
}

fn answered(control: &dyn Control, question: &str, argument: &str) -> Reply {
    match asked(control, question, argument) {
        Ok(answer) => json_text(StatusCode::OK, answer),
        Err(why) => unanswered(&why),
    }
}

/// A page of presentities: `{"presentities": […], "next": …}`. `next` is what to ask for `after` next, or
/// null at the end.
pub(super) fn page(control: &dyn Control, query: Option<&str>) -> Reply {
    let (after, limit) = match parameters(query, ["after", "limit"]) {
        Ok([after, limit]) => (after, limit),
        Err(problem) => return refusal(StatusCode::BAD_REQUEST, &problem),
    };
    let limit = limit.map_or(Some(PAGE), |limit| limit.parse().ok());
    let Some(limit) = limit.filter(|limit| (1..=MOST).contains(limit)) else {
        return refusal(StatusCode::BAD_REQUEST, &format!("limit: expected a number from 1 to {MOST}"));
    };
    let partitions = match control.partitions(after.as_deref(), limit) {
        Ok(partitions) => partitions,
        Err(why) => return unanswered(&why),
    };
    let mut text = String::from("{\"presentities\":[");
    let presentities = partitions.iter().filter(|partition| !partition.starts_with(SOURCE));
    for (index, partition) in presentities.enumerate() {
        if index > 0 {
            text.push(',');
        }
        let name = serde_json::Value::from(partition.as_str());
        match asked(control, "summary", partition) {
            Ok(summary) => text.push_str(&format!("{{\"presentity\":{name},\"summary\":{summary}}}")),
            // The others can still be shown.
            Err(Unanswered::Refused(problem) | Unanswered::Failed(problem)) => {
                let problem = serde_json::Value::from(problem);
                text.push_str(&format!("{{\"presentity\":{name},\"problem\":{problem}}}"));
            }
            Err(why) => return unanswered(&why),
        }
    }
    let next = partitions.last().filter(|_| partitions.len() == limit);
    text.push_str(&format!("],\"next\":{}}}", serde_json::Value::from(next.cloned())));
    json_text(StatusCode::OK, text)
}

/// The answer, if it is JSON.
fn asked(control: &dyn Control, question: &str, argument: &str) -> Result<String, Unanswered> {
    let answer = control.inspect(question, argument)?;
    match serde_json::from_str::<IgnoredAny>(&answer) {
        Ok(_) => Ok(answer),
        Err(error) => Err(Unanswered::Failed(format!("the component's answer is no JSON: {error}"))),
    }
}
