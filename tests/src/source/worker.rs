//! What a scripted source sends by itself: the NOTIFYs of its dialogs.

use super::{Dialog, State, Subscribe, VERSION, lock};
use crate::LIMIT;
use crate::endpoint::{Answer, Arrived, Transport};
use crate::message::Message;
use crate::phone::Phone;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A phone that sends to where the Request-URI leads: a Contact of the server, with an IP address.
pub(super) fn toward(phone: &Phone, request: &Message) -> Phone {
    let uri = request.uri();
    let transport = match uri.contains("transport=tcp") {
        true => Transport::Tcp,
        false => Transport::Udp,
    };
    let host = uri.rsplit_once('@').map_or(uri.trim_start_matches("sip:"), |(_, host)| host);
    let to = host.split(';').next().unwrap_or_default().parse();
    phone.toward(to.unwrap_or_else(|_| panic!("no address in {uri}")), transport)
}

impl Dialog {
    pub fn notify(
        &mut self,
        phone: &Phone,
        state: Option<&str>,
        body: Option<&(String, String)>,
        now: Instant,
    ) -> Message {
        self.cseq += 1;
        let phone = Phone::toward(phone, phone.address(), self.transport);
        let left = self.until.saturating_duration_since(now).as_secs();
        let message = Message::request("NOTIFY", &self.target)
            .with("Via", phone.via())
            .with("Max-Forwards", "70")
            .with("From", self.local.as_str())
            .with("To", self.remote.as_str())
            .with("Call-ID", self.call_id.as_str())
            .with("CSeq", format!("{} NOTIFY", self.cseq))
            .with("Contact", phone.contact())
            .with("Event", self.event.as_str())
            .with("Subscription-State", state.map_or(format!("active;expires={left}"), str::to_owned));
        match body {
            Some((kind, text)) if state.is_none() => {
                let text = text.replace(VERSION, &self.documents.to_string());
                self.documents += 1;
                message.body(kind, text)
            }
            _ => message,
        }
    }
}

/// Sends what follows a SUBSCRIBE once it has its answer.
pub(super) struct Worker {
    pub phone: Phone,
    pub state: Arc<Mutex<State>>,
    pub seen: Sender<Subscribe>,
    pub stop: Arc<AtomicBool>,
}

impl Worker {
    pub fn run(self) {
        while !self.stop.load(Ordering::SeqCst) {
            if let Some(arrived) = self.phone.endpoint().stray(Duration::from_millis(50)) {
                self.follow(arrived);
            }
        }
    }

    fn follow(&self, arrived: Arrived) {
        let Some((status, at, later)) = lock(&self.state).decided.remove(&arrived.message.branch()) else {
            // A response that nobody waits for any more.
            return;
        };
        let accepted = status == 200 && !lock(&self.state).mute;
        let ends = arrived.message.expires() == Some(0);
        if let Some(response) = later {
            if accepted {
                self.notify(&arrived.message, ends);
            }
            self.phone.endpoint().answer(&arrived, &Answer::Message(Box::new(response)));
        } else if accepted {
            self.notify(&arrived.message, ends);
        }
        lock(&self.state).busy -= 1;
        // The test may be over.
        let _ = self.seen.send(Subscribe { message: arrived.message, status, at });
    }

    fn notify(&self, request: &Message, ends: bool) {
        let notify = {
            let mut state = lock(&self.state);
            let (now, bodies) = (state.now(), state.bodies.clone());
            let Some(index) = state.dialogs.iter().position(|dialog| dialog.call_id == request.call_id())
            else {
                return;
            };
            let subscription_state = ends.then_some("terminated;reason=timeout");
            let dialog = &mut state.dialogs[index];
            let notify = dialog.notify(&self.phone, subscription_state, bodies.get(&dialog.resource), now);
            if ends {
                state.dialogs.remove(index);
            }
            notify
        };
        // A server that has been killed does not answer; whoever waits for its effect notices.
        let _ = toward(&self.phone, &notify).begin(&notify).try_wait(LIMIT);
    }
}
