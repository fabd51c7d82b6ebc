//! A third kind of source, as the developer documentation makes one (`docs/sources.md`).

use super::stage::{say, tell};
use crate::external::kind::{self, Refused, SourceKind};
use crate::external::peers;
use crate::handler::Presence;
use crate::records::View;
use crate::tests::scene::Scene;

const MEDIA: &str = "application/x-busy+json";

const CALENDAR: &str = r#"{"presence":{"domains":["example.com"],"notify_interval":0},
    "rules":{"enabled":true,"default":"allow"},
    "external":{"super_user":"sip:presence@example.com",
        "calendar":[{"name":"calendar","domain":"example.com","target":"sip:192.0.2.40","expires":600}],
        "community":[{"name":"east","domain":"example.com","target":"sip:192.0.2.20","asks_as":"sip:presence@east.example"}]}}"#;

/// What is in the calendar is shown with what phones publish, and ends in time.
#[test]
fn a_third_kind_takes_part_in_composition() {
    let mut scene = Scene::new(CALENDAR);
    scene.publish_open();
    scene.watch("bob");
    // It is 22:13:20 at the start.
    say(&mut scene, "calendar", MEDIA, r#"{"busy":{"as":"meeting","until":"2023-11-14T22:14:20Z"}}"#)
        .unwrap();
    let body = scene.only_notify().body;
    assert!(body.contains("<rpid:meeting/>") && body.contains("<basic>open"), "{body}");
    scene.answer_all();
    tell(&mut scene, "east", "<note>over there</note>");
    assert!(scene.only_notify().body.contains("<rpid:meeting/>"));
    scene.answer_all();
    scene.pass(60_000);
    assert!(!scene.only_notify().body.contains("meeting"));
    scene.answer_all();
    say(&mut scene, "calendar", MEDIA, r#"{"busy":{"as":"a secret","until":"2023-11-14T23:00:00Z"}}"#)
        .unwrap();
    assert!(scene.only_notify().body.contains("<rpid:busy/>"));
    scene.answer_all();
    say(&mut scene, "calendar", MEDIA, "{}").unwrap();
    assert!(!scene.only_notify().body.contains("busy"));
}

/// Nothing that it says can do harm.
#[test]
fn a_third_kind_refuses_what_it_does_not_know() {
    let mut scene = Scene::new(CALENDAR);
    assert_eq!(say(&mut scene, "calendar", "text/calendar", "BEGIN:VCALENDAR"), Err(Refused::Type));
    for body in [
        "",
        "[]",
        r#"{"busy":{"as":"meeting"}}"#,
        r#"{"busy":{"as":"meeting","until":""}}"#,
        r#"{"busy":{"as":"meeting","until":"2023-11-14T23:00:00Z'/><x a='"}}"#,
    ] {
        assert!(matches!(say(&mut scene, "calendar", MEDIA, body), Err(Refused::Malformed(_))), "{body}");
    }
}

/// Its line in the list of kinds is all that the rest has to know: configuration, and what communities are shown.
#[test]
fn a_third_kind_is_configured_by_its_name() {
    let scene = Scene::new(CALENDAR);
    let calendar =
        scene.presence.configuration().external.iter().find(|source| source.name == "calendar").unwrap();
    assert_eq!((calendar.kind.name(), calendar.expires), ("calendar", Some(600)));
    assert_eq!((kind::of(calendar.kind).event(), kind::of(calendar.kind).expires()), ("x-calendar", 86_400));
    assert!(peers::shows(View::Local, calendar), "it repeats nothing");
    let names: Vec<&str> = SourceKind::all().map(SourceKind::name).collect();
    assert_eq!(names, ["registrar", "community", "calendar"]);

    // Settings of other kinds are none of its own.
    let problems = Presence::configure(
        &CALENDAR.replace("\"expires\":600", "\"third_party\":true,\"asks_as\":\"sip:x\""),
    )
    .unwrap_err();
    let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["external.calendar.0.asks_as", "external.calendar.0.third_party"]);
    let problems = Presence::configure(&CALENDAR.replace("\"calendar\":[", "\"almanac\":[")).unwrap_err();
    assert!(
        problems[0].key == "external.almanac"
            && problems[0].message.contains("registrar, community, calendar"),
        "{problems:?}"
    );
}
