//! What a scripted source answers.

use super::{Dialog, State, lock};
use crate::endpoint::{Answer, Transport};
use crate::message::{Message, address, parameter, tag};
use crate::rng::unique;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Decides the answers.
pub(super) struct Decider {
    pub event: &'static str,
    pub contact: String,
    pub state: Arc<Mutex<State>>,
}

impl Decider {
    pub fn answer(&self, request: &Message) -> Answer {
        let mut state = lock(&self.state);
        let (at, early) = (Instant::now(), state.early);
        let answer = self.decide(&mut state, request);
        let (status, later) = match &answer {
            Answer::Message(response) if early && response.status() == 200 => {
                (200, Some(response.as_ref().clone()))
            }
            Answer::Message(response) => (response.status(), None),
            Answer::Status(status, ..) => (*status, None),
            Answer::Ok => (200, None),
            Answer::Silence => (0, None),
        };
        let waits = later.is_some();
        state.decided.insert(request.branch(), (status, at, later));
        state.busy += 1;
        if waits { Answer::Silence } else { answer }
    }

    fn decide(&self, state: &mut State, request: &Message) -> Answer {
        let status = |status, reason| Answer::Status(status, reason, Vec::new());
        if state.silent {
            return Answer::Silence;
        }
        if request.method() != "SUBSCRIBE" {
            return status(405, "Method Not Allowed");
        }
        if let Err(fault) = self.check(request) {
            state.faults.push(format!("{fault}\n{request}"));
        }
        if let Some(digest) = &mut state.digest
            && let Err(refusal) = digest.check(request)
        {
            return refusal;
        }
        let asked = request.expires().unwrap_or(0);
        let known = state.dialogs.iter().position(|dialog| dialog.call_id == request.call_id());
        if tag(request.header("To").unwrap_or_default()).is_some() {
            let Some(index) = known else { return status(481, "Subscription Does Not Exist") };
            let dialog = &mut state.dialogs[index];
            if request.cseq() <= dialog.seen {
                state.faults.push(format!("CSeq does not grow (RFC 3261 12.2.1.1)\n{request}"));
            } else {
                dialog.seen = request.cseq();
            }
        }
        if let Some(answer) = state.next.pop_front().or_else(|| state.always.clone()) {
            return answer;
        }
        if asked > 0 && asked < state.least {
            let least = vec![("Min-Expires".to_owned(), state.least.to_string())];
            return Answer::Status(423, "Interval Too Brief", least);
        }
        let granted = asked.min(state.grant.unwrap_or(u32::MAX));
        let until = state.now() + Duration::from_secs(granted.into());
        let response = match known {
            Some(index) => {
                let dialog = &mut state.dialogs[index];
                dialog.until = until;
                Message::response(request, 200, "OK", "")
            }
            None => {
                let response = Message::response(request, 200, "OK", &unique("s"));
                let value = |of: &Message, name: &str| of.header(name).unwrap_or_default().to_owned();
                let target = address(request.header("Contact").unwrap_or_default()).to_owned();
                state.dialogs.push(Dialog {
                    resource: request.uri().to_owned(),
                    call_id: request.call_id().to_owned(),
                    local: value(&response, "To"),
                    remote: value(request, "From"),
                    transport: if target.contains("transport=tcp") { Transport::Tcp } else { Transport::Udp },
                    target,
                    event: value(request, "Event"),
                    seen: request.cseq(),
                    cseq: 0,
                    documents: 0,
                    until,
                });
                response
            }
        };
        let response = response.with("Contact", self.contact.as_str()).with("Expires", granted.to_string());
        Answer::Message(Box::new(response))
    }

    /// What holds for every SUBSCRIBE of the server.
    fn check(&self, request: &Message) -> Result<(), String> {
        let event = request.header("Event").unwrap_or_default();
        if event.split(';').next() != Some(self.event) {
            return Err(format!("Event {event:?} at a source for {}", self.event));
        }
        let from = address(request.header("From").unwrap_or_default()).to_owned();
        let asserted: Vec<&str> = request.all("P-Asserted-Identity").map(address).collect();
        if asserted != [from.as_str()] {
            return Err(format!("From is {from}, P-Asserted-Identity {asserted:?} (EXT-18)"));
        }
        let accepted = match self.event {
            "reg" => "application/reginfo+xml",
            _ => "application/pidf+xml",
        };
        if !request.values("Accept").iter().any(|kind| kind == accepted) {
            return Err(format!("{accepted} is not in Accept"));
        }
        if parameter(request.header("From").unwrap_or_default(), "tag").is_none() {
            return Err("no From tag".to_owned());
        }
        Ok(())
    }
}
