//! The subscriber's side of a dialog (RFC 6665 4.1).

use crate::LIMIT;
pub use crate::endpoint::Answer;
use crate::endpoint::{Arrived, Script, Source};
use crate::message::{Message, address, parameter, tag};
use crate::phone::Phone;
use crate::pidf::Document;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

/// A NOTIFY as it arrived.
#[derive(Clone, Debug)]
pub struct Notify {
    /// The request and its source.
    pub arrived: Arrived,
}

impl Notify {
    /// The request.
    #[must_use]
    pub fn message(&self) -> &Message {
        &self.arrived.message
    }

    /// `active`, `pending` or `terminated`.
    #[must_use]
    pub fn state(&self) -> &str {
        self.subscription_state().split(';').next().unwrap_or_default().trim()
    }

    /// `expires` of Subscription-State, seconds.
    #[must_use]
    pub fn expires(&self) -> Option<u32> {
        parameter(self.subscription_state(), "expires")?.parse().ok()
    }

    /// `reason` of Subscription-State.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        parameter(self.subscription_state(), "reason")
    }

    fn subscription_state(&self) -> &str {
        self.arrived.message.header("Subscription-State").unwrap_or_default()
    }

    /// The presence document in it. Fails the test if there is none, or if it is not valid.
    #[track_caller]
    #[must_use]
    pub fn document(&self) -> Document {
        let kind = self.message().header("Content-Type").unwrap_or_default();
        assert!(kind.starts_with("application/pidf+xml"), "a presence document:\n{}", self.message());
        Document::read(&self.message().body)
    }

    /// True if it came over TCP.
    #[must_use]
    pub fn over_tcp(&self) -> bool {
        matches!(self.arrived.source, Source::Tcp(_))
    }

    /// Fails the test if the state is another one. Gives the NOTIFY back.
    #[track_caller]
    pub fn expect(self, state: &str) -> Self {
        assert_eq!(self.state(), state, "{}", self.message());
        self
    }

    /// Fails the test unless it is `terminated` with this reason.
    #[track_caller]
    pub fn expect_end(&self, reason: &str) {
        assert_eq!(self.state(), "terminated", "{}", self.message());
        assert_eq!(self.reason().as_deref(), Some(reason), "{}", self.message());
    }
}

/// A subscription: one dialog, one usage. Dropping it makes the phone forget the dialog.
pub struct Subscription<'a> {
    phone: &'a Phone,
    request: Message,
    /// The last 2xx to a SUBSCRIBE of this dialog.
    pub response: Message,
    notifies: Receiver<Arrived>,
    cseq: u32,
    last_notify: Option<u32>,
    /// CSeq may skip numbers once.
    gap: bool,
}

impl Phone {
    /// Subscribes for an hour; expects success.
    #[track_caller]
    #[must_use]
    pub fn subscribe(&self, presentity: &str) -> Subscription<'_> {
        self.subscribe_with(self.subscribe_request(presentity))
    }

    /// Sends an initial SUBSCRIBE of any make; expects 200.
    #[track_caller]
    #[must_use]
    pub fn subscribe_with(&self, request: Message) -> Subscription<'_> {
        self.subscribe_scripted(request, Box::new(|_| Answer::Ok))
    }

    /// As [`Self::subscribe_with`], with a script for the answers to NOTIFYs.
    #[track_caller]
    #[must_use]
    pub fn subscribe_scripted(&self, request: Message, script: Script) -> Subscription<'_> {
        let notifies = self.endpoint.watch(request.call_id(), script);
        let response = self.send(&request).expect(200);
        let asked = request.expires();
        let granted = response.expires().expect("Expires in the 2xx to SUBSCRIBE (RFC 6665 4.2.1.1)");
        assert!(asked.is_none_or(|asked| granted <= asked), "never longer than asked: {response}");
        assert_eq!(response.all("Contact").count(), 1, "one Contact (RFC 3261 12.1.1): {response}");
        Subscription {
            phone: self,
            cseq: request.cseq(),
            request,
            response,
            notifies,
            last_notify: None,
            gap: false,
        }
    }
}

impl Subscription<'_> {
    /// The next NOTIFY. Fails the test if none comes, if it is not of this dialog and event, or
    /// if its CSeq does not follow that of the one before.
    #[track_caller]
    pub fn notify(&mut self) -> Notify {
        match self.try_notify(LIMIT) {
            Some(notify) => notify,
            None => panic!("no NOTIFY within {LIMIT:?} after:\n{}", self.request),
        }
    }

    /// The next NOTIFY, if one comes within the limit.
    #[track_caller]
    #[must_use]
    pub fn try_notify(&mut self, limit: Duration) -> Option<Notify> {
        let arrived = self.notifies.recv_timeout(limit).ok()?;
        Some(self.accept(arrived))
    }

    /// NOTIFYs that have arrived and were not looked at yet.
    #[track_caller]
    #[must_use]
    pub fn arrived(&mut self) -> Vec<Notify> {
        let mut all = Vec::new();
        loop {
            match self.notifies.try_recv() {
                Ok(arrived) => all.push(self.accept(arrived)),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return all,
            }
        }
    }

    /// Takes NOTIFYs until one fits, and gives it; those before it are dropped. For tests where
    /// several changes may be merged into one notification.
    #[track_caller]
    pub fn notify_until(&mut self, fits: impl Fn(&Notify) -> bool) -> Notify {
        loop {
            let notify = self.notify();
            if fits(&notify) {
                return notify;
            }
        }
    }

    #[track_caller]
    fn accept(&mut self, arrived: Arrived) -> Notify {
        self.phone.endpoint.assert_clean();
        let message = &arrived.message;
        assert_eq!(message.method(), "NOTIFY", "{message}");
        let local = tag(self.request.header("From").unwrap_or_default());
        let remote = tag(self.response.header("To").unwrap_or_default());
        assert_eq!(tag(message.header("To").unwrap_or_default()), local, "To tag: {message}");
        assert_eq!(tag(message.header("From").unwrap_or_default()), remote, "From tag: {message}");
        let event = message.header("Event").unwrap_or_default();
        let asked = self.request.header("Event").unwrap_or_default();
        let package = |e: &str| e.split(';').next().unwrap_or_default().trim().to_owned();
        assert_eq!(package(event), package(asked), "Event (RFC 6665 4.2.2): {message}");
        assert_eq!(parameter(event, "id"), parameter(asked, "id"), "id of Event (4.5.2): {message}");
        if let Some(last) = self.last_notify
            && message.cseq() != last + 1
        {
            assert!(
                self.gap,
                "CSeq {} after {last}, it grows by one (RFC 3261 12.2.1.1): {message}",
                message.cseq()
            );
            assert!(message.cseq() > last, "CSeq goes back from {last} (RFC 3261 12.2.1.1): {message}");
            self.gap = false;
        }
        self.last_notify = Some(message.cseq());
        Notify { arrived }
    }

    /// Lets CSeq skip numbers once, with whichever NOTIFY that is: after a crash it does, but what was
    /// sent before may arrive first.
    pub fn allow_gap(&mut self) {
        self.gap = true;
    }

    /// CSeq of the last NOTIFY.
    #[must_use]
    pub fn last_cseq(&self) -> Option<u32> {
        self.last_notify
    }

    /// How NOTIFYs are answered from now on.
    pub fn script(&self, script: Script) {
        self.phone.endpoint.script(self.request.call_id(), script);
    }

    /// Answers a NOTIFY that the script left unanswered.
    pub fn answer(&self, notify: &Notify, answer: &Answer) {
        self.phone.endpoint.answer(&notify.arrived, answer);
    }

    /// The next request of this dialog: same Event, Accept and Contact as the first one.
    #[must_use]
    pub fn request(&self, expires: u32) -> Message {
        let from = self.request.header("From").unwrap_or_default();
        let to = self.response.header("To").unwrap_or_default();
        let target = address(self.response.header("Contact").unwrap_or_default());
        let mut request = self.request.clone().again().at(target).with("From", from).with("To", to);
        request = request.with("CSeq", format!("{} SUBSCRIBE", self.cseq + 1));
        request.with("Expires", expires.to_string())
    }

    /// Sends a request of this dialog (made with [`Self::request`]) and expects 200.
    #[track_caller]
    pub fn send(&mut self, request: &Message) {
        let to = self.response.header("To").unwrap_or_default().to_owned();
        self.cseq = request.cseq();
        self.response = self.phone.send(request).expect(200).with("To", to);
    }

    /// Counts a request as sent, though its outcome is looked at elsewhere.
    pub fn skip_cseq(&mut self) {
        self.cseq += 1;
    }

    /// Prolongs the subscription.
    #[track_caller]
    pub fn refresh(&mut self, expires: u32) {
        self.send(&self.request(expires));
    }

    /// Ends the subscription; the last NOTIFY is still to come.
    #[track_caller]
    pub fn unsubscribe(&mut self) {
        self.send(&self.request(0));
    }

    /// The phone.
    #[must_use]
    pub fn phone(&self) -> &Phone {
        self.phone
    }
}

impl Drop for Subscription<'_> {
    fn drop(&mut self) {
        self.phone.endpoint.forget(self.request.call_id());
    }
}
