//! Registration state as a registrar tells it (RFC 3680 5).

/// Type of the documents.
pub const REGINFO: &str = "application/reginfo+xml";

/// Makes a document. Its version is filled in when it is sent.
#[derive(Clone, Debug)]
pub struct Reginfo {
    state: &'static str,
    registrations: String,
}

impl Reginfo {
    /// A document with the full state.
    #[must_use]
    pub fn full() -> Self {
        Self { state: "full", registrations: String::new() }
    }

    /// A document with what has changed.
    #[must_use]
    pub fn partial() -> Self {
        Self { state: "partial", registrations: String::new() }
    }

    /// Somebody who is registered with one contact, by the full state.
    #[must_use]
    pub fn registered(aor: &str, contact: &str) -> String {
        Self::full().registration(aor, "r1", &contact_element("c1", "registered", contact, "")).text()
    }

    /// Somebody who is not registered, by the full state.
    #[must_use]
    pub fn unregistered(aor: &str) -> String {
        Self::full().raw(&format!("<registration aor=\"{aor}\" id=\"r1\" state=\"init\"/>")).text()
    }

    /// Adds a registration that is active with these contacts, made with [`contact_element`].
    #[must_use]
    pub fn registration(self, aor: &str, id: &str, contacts: &str) -> Self {
        self.raw(&format!(
            "<registration aor=\"{aor}\" id=\"{id}\" state=\"active\">{contacts}</registration>"
        ))
    }

    /// Adds a registration as it is written.
    #[must_use]
    pub fn raw(mut self, xml: &str) -> Self {
        self.registrations.push_str(xml);
        self
    }

    /// The document's text.
    #[must_use]
    pub fn text(&self) -> String {
        format!(
            "<?xml version=\"1.0\"?>\n<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" \
             xmlns:gr=\"urn:ietf:params:xml:ns:gruuinfo\" version=\"{}\" state=\"{}\">{}</reginfo>\n",
            crate::source::VERSION,
            self.state,
            self.registrations
        )
    }
}

/// A contact that is active after an event (`registered`, `created`, `refreshed`, `shortened`) or not after another;
/// `more` are elements after its URI.
#[must_use]
pub fn contact_element(id: &str, event: &str, uri: &str, more: &str) -> String {
    let active = ["registered", "created", "refreshed", "shortened"].contains(&event);
    let state = if active { "active" } else { "terminated" };
    format!(
        "<contact id=\"{id}\" state=\"{state}\" event=\"{event}\" duration-registered=\"7\" expires=\"600\" q=\"0.5\">\
         <uri>{uri}</uri>{more}</contact>"
    )
}
