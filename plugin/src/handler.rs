//! What the host calls: each call is one step.

use crate::compositor::aggregate::{self, Change};
use crate::compositor::publication;
use crate::configuration::{Configuration, Problem};
use crate::errors::Refusal;
use crate::expiry;
use crate::external::{self, learning, ledger};
use crate::identity::{Presentity, Service};
use crate::inspection;
use crate::keys::{self, Id, Usage};
use crate::notifier::delivery;
use crate::notifier::fanout;
use crate::notifier::subscription;
use crate::options;
use crate::ports::{Entry, Host, Instant, Level, Verdict};
use crate::relocation;
use crate::sip::option_tags;
use crate::sip::{Message, Uri};
use crate::step::Step;
use crate::tables::{self, Row, RowProblem};
use crate::watcher_info;

/// What became of a request that was sent.
#[derive(Clone, Debug)]
pub enum Outcome<'a> {
    /// The final response.
    Response(Message<'a>),
    /// None came.
    Failed(Failure<'a>),
}

/// Why a request has no final response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure<'a> {
    /// Timer F fired (RFC 3261 17.1.2.2).
    Timeout,
    /// It could not be sent; why, for the log.
    Unreachable(&'a str),
    /// The next hop has asked for a pause of so many more milliseconds (RFC 3261 21.5.4).
    Paused(u64),
}

/// The presence logic with its configuration. Holds no state of any presentity.
#[derive(Clone, Debug)]
pub struct Presence {
    configuration: Configuration,
}

impl Presence {
    /// Takes the configuration, a JSON object.
    ///
    /// # Errors
    /// Every problem in it.
    pub fn configure(json: &str) -> Result<Self, Vec<Problem>> {
        Configuration::parse(json).map(|configuration| Self { configuration })
    }

    /// The configuration.
    #[must_use]
    pub fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// A request arrived.
    pub fn on_request(&self, host: &mut dyn Host, message: &Message<'_>) -> Verdict {
        let verdict = match message.method() {
            "PUBLISH" => self.request(host, message, publication::handle),
            "SUBSCRIBE" => self.request(host, message, subscription::handle),
            "NOTIFY" => external::backend::notify(host, &self.configuration, message),
            "REGISTER" => external::demand::register(host, &self.configuration, message),
            "OPTIONS" => self.options(message),
            _ => Ok(Verdict::Pass),
        };
        self.answer(host, message, verdict)
    }

    /// A request was forwarded to `partition`.
    pub fn on_forwarded(
        &self,
        host: &mut dyn Host,
        partition: &str,
        message: &Message<'_>,
        payload: &[u8],
    ) -> Verdict {
        let verdict = if payload == learning::BEHIND {
            self.behind(host, partition, message)
        } else {
            subscription::forwarded(host, &self.configuration, partition, message, payload)
        };
        self.answer(host, message, verdict)
    }

    /// A request for an alias of the presentity of that partition.
    fn behind(
        &self,
        host: &mut dyn Host,
        partition: &str,
        message: &Message<'_>,
    ) -> Result<Verdict, Refusal> {
        let presentity = Presentity::of(host, &self.configuration, message)?.behind(partition);
        match message.method() {
            "PUBLISH" => publication::handle(host, &self.configuration, message, &presentity),
            "REGISTER" => external::demand::registered(host, &self.configuration, message, &presentity),
            _ => subscription::handle(host, &self.configuration, message, &presentity),
        }
    }

    fn answer(
        &self,
        host: &mut dyn Host,
        message: &Message<'_>,
        verdict: Result<Verdict, Refusal>,
    ) -> Verdict {
        verdict.unwrap_or_else(|refusal| {
            self.log_refusal(host, message, &refusal);
            Verdict::Reply(refusal.into_reply())
        })
    }

    /// The outcome of a request that was sent from `partition`.
    pub fn on_response(&self, host: &mut dyn Host, partition: &str, token: &[u8], outcome: &Outcome<'_>) {
        let mut step = Step::new(host, &self.configuration, partition);
        if !external::backend::outcome(&mut step, token, outcome) {
            delivery::outcome(&mut step, token, outcome);
        }
    }

    /// A timer fired.
    pub fn on_timer(&self, host: &mut dyn Host, partition: &str, name: &[u8], due: Instant, _payload: &[u8]) {
        let mut step = Step::new(host, &self.configuration, partition);
        let kind = name.first().copied().unwrap_or_default();
        let id = Id::of_key(name);
        match (kind, id, id.and_then(|id| Usage::of(kind, id))) {
            (keys::PUBLICATION, Some(id), _) => expiry::publication(&mut step, id),
            (keys::SUBSCRIPTION | keys::WINFO_SUBSCRIPTION, _, Some(usage)) => {
                expiry::subscription(&mut step, usage);
            }
            (keys::POSITION | keys::WINFO_POSITION, _, Some(usage)) => delivery::retry(&mut step, usage),
            (keys::UNDECIDED, ..) => watcher_info::give_up(&mut step, name),
            _ if name == keys::THROTTLE_TIMER => fanout::throttle_ended(&mut step),
            _ if name == keys::UNTIL_TIMER => aggregate::compose(&mut step, Change::Time),
            _ if external::fired(&mut step, name, due) => {}
            _ => step.host.log(Level::Warn, "timer of an unknown name ignored", &[("presentity", partition)]),
        }
    }

    /// A post arrived.
    pub fn on_post(&self, host: &mut dyn Host, partition: &str, payload: &[u8]) {
        let mut step = Step::new(host, &self.configuration, partition);
        if !fanout::posted(&mut step, payload)
            && !relocation::posted(&mut step, payload)
            && !external::posted(&mut step, payload)
        {
            step.host.log(Level::Warn, "unknown post ignored", &[("presentity", partition)]);
        }
    }

    /// A document changed; without content it was deleted.
    ///
    /// # Errors
    /// Why it is not taken.
    pub fn on_document(
        &self,
        host: &mut dyn Host,
        auid: &str,
        _owner: Option<&str>,
        path: &str,
        content: Option<&[u8]>,
    ) -> Result<(), String> {
        match auid {
            ledger::AUID => ledger::announced(host, &self.configuration, path, content),
            _ => Err(format!("documents of {auid:?} are not taken")),
        }
    }

    /// An operator asks.
    ///
    /// # Errors
    /// What is wrong with the question or its argument.
    pub fn on_inspect(&self, host: &mut dyn Host, question: &str, argument: &str) -> Result<String, String> {
        inspection::answer(host, &self.configuration, question, argument)
    }

    /// Turns a chunk of a table's rows into entries.
    ///
    /// # Errors
    /// Every problem of the chunk.
    pub fn build_table<'r>(
        &self,
        host: &mut dyn Host,
        table: &str,
        rows: impl Iterator<Item = Row<'r>>,
    ) -> Result<Vec<Entry>, Vec<RowProblem>> {
        tables::build(host, &self.configuration, table, rows)
    }

    /// The host has started after a stop without order: every subscription is looked at,
    /// and who may lag is notified with the newest state.
    pub fn on_recovery(&self, host: &mut dyn Host, partition: &str) {
        let mut step = Step::new(host, &self.configuration, partition);
        fanout::recover(&mut step);
        watcher_info::recover(&mut step);
        external::recover(&mut step);
    }

    fn request(
        &self,
        host: &mut dyn Host,
        message: &Message<'_>,
        handle: impl Fn(&mut dyn Host, &Configuration, &Message<'_>, &Presentity<'_>) -> Result<Verdict, Refusal>,
    ) -> Result<Verdict, Refusal> {
        let uri = Uri::parse(message.uri()?)?;
        let mut service = Service::of(&uri, &self.configuration);
        if service == Service::UnknownScheme {
            return Err(Refusal::UnsupportedScheme);
        }
        let to = Presentity::to(message)?;
        if service == Service::Elsewhere && to.tag().is_some() && message.method() == "SUBSCRIBE" {
            // In a dialog the Request-URI is our Contact; To still names the presentity.
            service = Service::of(&to.uri, &self.configuration);
        }
        if service != Service::Here {
            return Ok(Verdict::Pass);
        }
        let presentity = Presentity::named(host, &self.configuration, &to)?;
        handle(host, &self.configuration, message, &presentity)
    }

    fn options(&self, message: &Message<'_>) -> Result<Verdict, Refusal> {
        let uri = Uri::parse(message.uri()?)?;
        // Without a user part it asks the server itself (RFC 3261 11), whatever its name.
        let server = matches!(&uri, Uri::Sip(sip) if sip.user.is_none());
        if !server && Service::of(&uri, &self.configuration) != Service::Here {
            return Ok(Verdict::Pass);
        }
        check_require(message)?;
        Ok(Verdict::Reply(options::answer()))
    }

    fn log_refusal(&self, host: &mut dyn Host, message: &Message<'_>, refusal: &Refusal) {
        if host.log_enabled(Level::Debug) {
            let status = refusal.status().0.to_string();
            let why = format!("{refusal:?}");
            let uri = message.uri().unwrap_or_default();
            let fields = [
                ("method", message.method()),
                ("uri", uri),
                ("status", status.as_str()),
                ("why", why.as_str()),
            ];
            host.log(Level::Debug, "request refused", &fields);
        }
    }
}

/// No option tag is understood yet, so none may be required (SIP-08).
///
/// # Errors
/// 420 with the tags.
pub fn check_require(message: &Message<'_>) -> Result<(), Refusal> {
    let unknown = option_tags::unknown_required(message, &[])?;
    if unknown.is_empty() {
        return Ok(());
    }
    Err(Refusal::BadExtension(unknown.into_iter().map(str::to_owned).collect()))
}
