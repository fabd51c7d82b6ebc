//! Questions about identities and presentities. The component answers them; here its answers are only
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

/// A question about a URI.
pub(super) fn about(control: &dyn Control, question: &str, query: Option<&str>) -> Reply {
    let uri = match parameters(query, ["uri"]) {
        Ok([Some(uri)]) if !uri.is_empty() => uri,
        Ok(_) => return refusal(StatusCode::BAD_REQUEST, "expected ?uri=URI"),
        Err(problem) => return refusal(StatusCode::BAD_REQUEST, &problem),
    };
    match asked(control, question, &uri) {
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
    for (index, partition) in partitions.iter().enumerate() {
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
