//! The schemas of RPID (RFC 4480), CIPID (RFC 4482), capabilities (RFC 5196), timed status
//! (RFC 4481) and the data model (RFC 4479), as far as elements under tuples, persons and
//! devices go.

/// What may stand in an element.
#[derive(Clone, Copy, Debug)]
pub(super) enum Content {
    /// Nothing.
    Empty,
    /// Characters of a type.
    Text(Type),
    /// Elements in this order, then elements of other namespaces where it is open.
    Sequence { slots: &'static [Slot], open: bool },
    /// Notes where there may be some, then any number of values, `other` among them, and
    /// elements of other namespaces. `unknown` stands alone.
    Several { names: &'static [&'static str], required: bool },
    /// Notes where there may be some, then one of the values or elements of other namespaces.
    One { notes: bool, names: &'static [&'static str], other: bool, open: bool, required: bool },
    /// It may not stand here.
    Never,
}

/// Elements of a name in a sequence.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    /// Without the prefix, which is that of the element around it.
    pub(super) name: &'static str,
    pub(super) many: bool,
    pub(super) element: Model,
}

/// What an element may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Model {
    pub(super) content: Content,
    /// Attributes without a prefix, or `xml:lang`.
    pub(super) attributes: &'static [(&'static str, Type)],
    /// Those that have to be there.
    pub(super) required: &'static [&'static str],
    /// Any other attributes may be there as well.
    pub(super) open: bool,
}

/// Types of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Any,
    Language,
    Uri,
    Boolean,
    Integer,
    Positive,
    DateTime,
    ActiveIdle,
    Basic,
}

const fn bare(content: Content) -> Model {
    Model { content, attributes: &[], required: &[], open: false }
}

const fn ranged(content: Content) -> Model {
    let attributes = &[("from", Type::DateTime), ("until", Type::DateTime)];
    Model { content, attributes, required: &[], open: true }
}

const fn text(of: Type) -> Model {
    bare(Content::Text(of))
}

const fn once(name: &'static str, element: Model) -> Slot {
    Slot { name, many: false, element }
}

const fn many(name: &'static str, element: Model) -> Slot {
    Slot { name, many: true, element }
}

pub(super) const EMPTY: Model = bare(Content::Empty);

/// `note` of RPID and of timed status, and what else may have a language.
pub(super) const NOTE: Model = Model {
    content: Content::Text(Type::Any),
    attributes: &[("xml:lang", Type::Language)],
    required: &[],
    open: false,
};

/// The model of an element that stands where elements of other namespaces may stand; `None`
/// for one that no schema here knows, which is passed on.
pub(super) fn global(name: &[u8]) -> Option<Model> {
    let name = std::str::from_utf8(name).ok()?;
    let (prefix, local) = name.split_once(':').unwrap_or(("", name));
    Some(match (prefix, local) {
        ("rpid", "activities") => ranged(Content::Several { names: ACTIVITIES, required: false }),
        ("rpid", "mood") => ranged(Content::Several { names: MOODS, required: true }),
        ("rpid", "place-is") => ranged(Content::Sequence { slots: PLACE_IS, open: false }),
        ("rpid", "place-type") => ranged(one(true, &[], true, true)),
        ("rpid", "privacy") => ranged(Content::Sequence { slots: PRIVACY, open: true }),
        ("rpid", "relationship") => bare(Content::One {
            notes: true,
            names: &["assistant", "associate", "family", "friend", "self", "supervisor", "unknown"],
            other: true,
            open: true,
            required: false,
        }),
        ("rpid", "service-class") => bare(one(
            true,
            &["courier", "electronic", "freight", "in-person", "postal", "unknown"],
            false,
            true,
        )),
        // It may be empty, but then it says nothing.
        ("rpid", "sphere") => ranged(one(false, &["home", "work", "unknown"], false, true)),
        ("rpid", "class") => text(Type::Any),
        ("rpid", "status-icon") => ranged(Content::Text(Type::Uri)),
        ("rpid", "time-offset") => ranged(Content::Text(Type::Integer)),
        ("rpid", "user-input") => Model {
            content: Content::Text(Type::ActiveIdle),
            attributes: &[("idle-threshold", Type::Positive), ("last-input", Type::DateTime)],
            required: &[],
            open: true,
        },
        ("cipid", "display-name") => text(Type::Any),
        ("cipid", "card" | "homepage" | "icon" | "map" | "sound") => text(Type::Uri),
        ("caps", "servcaps") => open(Content::Sequence { slots: SERVICE, open: true }),
        ("caps", "devcaps") => open(Content::Sequence { slots: DEVICE, open: true }),
        ("ts", "timed-status") => Model {
            content: Content::Sequence { slots: TIMED, open: true },
            attributes: &[("from", Type::DateTime), ("until", Type::DateTime)],
            required: &["from"],
            open: false,
        },
        ("dm", "deviceID") => text(Type::Uri),
        ("dm", "person" | "device") | ("" | "p", "presence") => bare(Content::Never),
        _ => return None,
    })
}

const fn open(content: Content) -> Model {
    Model { content, attributes: &[], required: &[], open: true }
}

const fn one(notes: bool, names: &'static [&'static str], other: bool, open: bool) -> Content {
    Content::One { notes, names, other, open, required: true }
}

const ACTIVITIES: &[&str] = &[
    "appointment",
    "away",
    "breakfast",
    "busy",
    "dinner",
    "holiday",
    "in-transit",
    "looking-for-work",
    "meal",
    "meeting",
    "on-the-phone",
    "performance",
    "permanent-absence",
    "playing",
    "presentation",
    "shopping",
    "sleeping",
    "spectator",
    "steering",
    "travel",
    "tv",
    "vacation",
    "working",
    "worship",
];

const MOODS: &[&str] = &[
    "afraid",
    "amazed",
    "angry",
    "annoyed",
    "anxious",
    "ashamed",
    "bored",
    "brave",
    "calm",
    "cold",
    "confused",
    "contented",
    "cranky",
    "curious",
    "depressed",
    "disappointed",
    "disgusted",
    "distracted",
    "embarrassed",
    "excited",
    "flirtatious",
    "frustrated",
    "grumpy",
    "guilty",
    "happy",
    "hot",
    "humbled",
    "humiliated",
    "hungry",
    "hurt",
    "impressed",
    "in_awe",
    "in_love",
    "indignant",
    "interested",
    "invincible",
    "jealous",
    "lonely",
    "mean",
    "moody",
    "nervous",
    "neutral",
    "offended",
    "playful",
    "proud",
    "relieved",
    "remorseful",
    "restless",
    "sad",
    "sarcastic",
    "serious",
    "shocked",
    "shy",
    "sick",
    "sleepy",
    "stressed",
    "surprised",
    "thirsty",
    "worried",
];

const PLACE_IS: &[Slot] = &[
    many("note", NOTE),
    once("audio", bare(one(false, &["noisy", "ok", "quiet", "unknown"], false, false))),
    once("video", bare(one(false, &["toobright", "ok", "dark", "unknown"], false, false))),
    once("text", bare(one(false, &["uncomfortable", "inappropriate", "ok", "unknown"], false, false))),
];

const PRIVACY: &[Slot] =
    &[many("note", NOTE), once("audio", EMPTY), once("text", EMPTY), once("video", EMPTY)];

const TIMED: &[Slot] = &[once("basic", text(Type::Basic)), once("note", NOTE)];

const FLAG: Model = text(Type::Boolean);
const STRING: Model = text(Type::Any);

const fn sequence(slots: &'static [Slot], open: bool) -> Model {
    bare(Content::Sequence { slots, open })
}

const SERVICE: &[Slot] = &[
    once("actor", sequence(&supported(ACTORS), false)),
    once("application", FLAG),
    once("audio", FLAG),
    once("automata", FLAG),
    once("class", sequence(&supported(CLASSES), false)),
    once("control", FLAG),
    once("data", FLAG),
    many("description", NOTE),
    once("duplex", sequence(&supported(DUPLEX), false)),
    once("event-packages", sequence(&supported(EVENTS), false)),
    once("extensions", sequence(&supported(EXTENSIONS), false)),
    once("isfocus", FLAG),
    once("message", FLAG),
    once("methods", sequence(&supported(METHODS), false)),
    once("languages", sequence(&listed(&[many("l", STRING)]), false)),
    once("priority", sequence(&supported(PRIORITIES), false)),
    once("schemes", sequence(&listed(&[many("s", STRING)]), false)),
    once("text", FLAG),
    many("type", STRING),
    once("video", FLAG),
];

const DEVICE: &[Slot] = &[many("description", NOTE), once("mobility", sequence(&supported(MOBILITY), false))];

const fn supported(names: &'static [Slot]) -> [Slot; 2] {
    [once("supported", sequence(names, true)), once("notsupported", sequence(names, true))]
}

const fn listed(names: &'static [Slot]) -> [Slot; 2] {
    [once("supported", sequence(names, false)), once("notsupported", sequence(names, false))]
}

const ACTORS: &[Slot] = &[
    once("attendant", STRING),
    once("information", STRING),
    once("msg-taker", STRING),
    once("principal", STRING),
];

const CLASSES: &[Slot] = &[once("business", STRING), once("personal", STRING)];

const DUPLEX: &[Slot] =
    &[once("full", STRING), once("half", STRING), once("receive-only", STRING), once("send-only", STRING)];

const EVENTS: &[Slot] = &[
    once("conference", STRING),
    once("dialog", STRING),
    once("kpml", STRING),
    once("message-summary", STRING),
    once("poc-settings", STRING),
    once("presence", STRING),
    once("reg", STRING),
    once("refer", STRING),
    once("Siemens-RTP-Stats", STRING),
    once("spirits-INDPs", STRING),
    once("spirits-user-prof", STRING),
    once("winfo", STRING),
];

const EXTENSIONS: &[Slot] = &[
    once("rel100", STRING),
    once("early-session", STRING),
    once("eventlist", STRING),
    once("from-change", STRING),
    once("gruu", STRING),
    once("hist-info", STRING),
    once("join", STRING),
    once("norefersub", STRING),
    once("path", STRING),
    once("precondition", STRING),
    once("pref", STRING),
    once("privacy", STRING),
    once("recipient-list-invite", STRING),
    once("recipient-list-subscribe", STRING),
    once("replaces", STRING),
    once("resource-priority", STRING),
    once("sdp-anat", STRING),
    once("sec-agree", STRING),
    once("tdialog", STRING),
    once("timer", STRING),
];

const METHODS: &[Slot] = &[
    once("ACK", STRING),
    once("BYE", STRING),
    once("CANCEL", STRING),
    once("INFO", STRING),
    once("INVITE", STRING),
    once("MESSAGE", STRING),
    once("NOTIFY", STRING),
    once("OPTIONS", STRING),
    once("PRACK", STRING),
    once("PUBLISH", STRING),
    once("REFER", STRING),
    once("REGISTER", STRING),
    once("SUBSCRIBE", STRING),
    once("UPDATE", STRING),
];

const MOBILITY: &[Slot] = &[once("fixed", STRING), once("mobile", STRING)];

const PRIORITIES: &[Slot] = &[
    many("equals", valued(&[("value", Type::Integer)], &["value"])),
    // Misspelt so in the schema.
    many("higherhan", valued(&[("minvalue", Type::Integer)], &["minvalue"])),
    many("lowerthan", valued(&[("maxvalue", Type::Integer)], &["maxvalue"])),
    many(
        "range",
        valued(&[("minvalue", Type::Integer), ("maxvalue", Type::Integer)], &["minvalue", "maxvalue"]),
    ),
];

const fn valued(attributes: &'static [(&'static str, Type)], required: &'static [&'static str]) -> Model {
    Model { content: Content::Empty, attributes, required, open: false }
}
