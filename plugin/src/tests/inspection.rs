//! Questions of an operator: "who is online, who watches".

use serde_json::{Value, json};

use super::moving::{CAROL, DESK, Phone};
use super::scene::{ALICE, OPEN, Scene, pidf_of};

/// Everybody may watch, and identities are mapped.
const MAPPED: &str = r#"{"presence":{"domains":["example.com"]},"identity":{"map":true},
    "rules":{"enabled":true,"default":"allow"}}"#;

impl Scene {
    /// Asks, and sees to it that the question changes nothing.
    fn ask(&mut self, question: &str, argument: &str) -> Result<Value, String> {
        self.host.begin(None);
        let answer = self.presence.on_inspect(&mut self.host, question, argument);
        assert!(self.host.is_untouched(), "a question staged something");
        self.host.abort();
        answer.map(|json| serde_json::from_str(&json).unwrap())
    }
}

#[test]
fn a_presentity_is_told_with_publications_and_watchers() {
    let mut scene = Scene::new(MAPPED);
    scene.map(&[(DESK, ALICE)]);
    let begin = scene.host.time();
    scene.publish_note(ALICE, "here");
    scene.host.advance(1_000);
    let mut bob = Phone::call(&mut scene, "bob", DESK, "Expires: 600\n");
    scene.settle();
    let answer = scene.ask("presentity", "sip:Desk@EXAMPLE.com").unwrap_or_default();
    assert_eq!(answer["fundamental"], "sip:Desk@example.com", "the user part has its case");

    let answer = scene.ask("presentity", "sip:desk@EXAMPLE.com;x=y").unwrap();
    assert_eq!(answer["uri"], "sip:desk@EXAMPLE.com;x=y");
    assert_eq!((&answer["identity"], &answer["fundamental"]), (&json!(DESK), &json!(ALICE)));
    assert_eq!(answer["now"], begin + 1_000);
    assert_eq!(answer["document"]["basic"], "open");
    assert_eq!(answer["document"]["tuples"].as_array().unwrap().len(), 1);
    assert_eq!(answer["document"]["tuples"][0]["basic"], "open");
    let published = &answer["publications"];
    assert_eq!((&published["total"], &published["complete"]), (&json!(1), &json!(true)));
    assert_eq!(published["list"][0]["created"], begin);
    assert_eq!(published["list"][0]["expires"], begin + 3_600_000);
    assert!(published["list"][0]["bytes"].as_u64().unwrap() > 50);

    let watchers = &answer["subscriptions"]["presence"];
    assert_eq!((&watchers["total"], &watchers["complete"]), (&json!(1), &json!(true)));
    let watcher = &watchers["list"][0];
    let expected = json!({
        "id": bob.tag, "watcher": "sip:bob@example.com", "entity": DESK, "state": "active",
        "created": begin + 1_000, "expires": begin + 601_000, "call_id": "c-bob",
        "contact": "sip:bob@192.0.2.1:5070", "cseq": 1, "in_flight_since": begin + 1_000, "lag": 0, "moves": 0,
    });
    assert_eq!(*watcher, expected);
    for package in ["presence.winfo", "presence.winfo.winfo"] {
        let none = json!({"total": 0, "complete": true, "list": []});
        assert_eq!(answer["subscriptions"][package], none);
    }

    // Changes that the watcher has not been sent.
    scene.publish_note(ALICE, "there");
    scene.publish_note(ALICE, "everywhere");
    let answer = scene.ask("presentity", ALICE).unwrap();
    assert_eq!(answer["subscriptions"]["presence"]["list"][0]["lag"], 2);
    assert_eq!(answer["publications"]["total"], 3);

    // On its way, and there.
    scene.map(&[(DESK, CAROL)]);
    assert_eq!(bob.subscribe(&mut scene, "").status, 200);
    let answer = scene.ask("presentity", ALICE).unwrap();
    assert_eq!(answer["subscriptions"]["presence"]["list"][0]["state"], "leaving");
    scene.answer_all();
    scene.settle();
    let answer = scene.ask("presentity", DESK).unwrap();
    assert_eq!(answer["fundamental"], CAROL);
    assert_eq!(answer["subscriptions"]["presence"]["list"][0]["moves"], 1);
    assert_eq!(answer["document"], json!({"version": 0, "basic": null, "tuples": []}));
    scene.map(&[]);
    let answer = scene.ask("presentity", DESK).unwrap();
    assert_eq!(answer["kept_elsewhere"], json!([CAROL, ALICE]));
}

#[test]
fn a_document_is_told_by_its_tuples() {
    let mut scene = Scene::new(OPEN);
    let body = format!(
        "<p:presence xmlns:p=\"urn:ietf:params:xml:ns:pidf\" entity=\"{ALICE}\">\
         <p:tuple id=\"a\"><p:status><p:basic>closed</p:basic></p:status></p:tuple>\
         <p:tuple id=\"b\"><p:status/><p:contact priority=\"0.5\">tel:+1&amp;2</p:contact>\
         <p:timestamp>2026-01-01T00:00:00Z</p:timestamp></p:tuple></p:presence>"
    );
    assert_eq!(scene.publish("", &body).status, 200);
    let answer = scene.ask("presentity", ALICE).unwrap();
    let tuples = answer["document"]["tuples"].as_array().unwrap();
    let contact = tuples.iter().find(|tuple| tuple["contact"] == "tel:+1&2").unwrap();
    assert_eq!((&contact["basic"], &contact["timestamp"]), (&json!(null), &json!("2026-01-01T00:00:00Z")));
    assert!(tuples.iter().any(|tuple| tuple["basic"] == "closed" && tuple["id"] != ""));
    assert_eq!(answer["document"]["basic"], "closed");
}

#[test]
fn who_is_online_is_told_in_few_words() {
    let mut scene = Scene::new(OPEN);
    scene.publish("", &pidf_of(ALICE, "open", "here"));
    scene.watch("bob");
    scene.watch("carol");
    let answer = scene.ask("summary", ALICE).unwrap();
    assert!(answer["version"].as_u64().unwrap() > 0);
    let expected = json!({
        "presentity": ALICE, "basic": "open", "version": answer["version"], "publications": 1, "watchers": 2,
        "winfo_watchers": 0, "complete": true,
    });
    assert_eq!(answer, expected);
    let answer = scene.ask("summary", CAROL).unwrap();
    let nothing = json!({
        "presentity": CAROL, "basic": null, "version": 0, "publications": 0, "watchers": 0,
        "winfo_watchers": 0, "complete": true,
    });
    assert_eq!(answer, nothing);
}

/// A presentity with very many watchers is told in bounded time and space.
#[test]
fn long_lists_are_cut() {
    let mut scene = Scene::new(OPEN);
    for number in 0..1_600 {
        scene.watch(&format!("w{number}"));
    }
    let answer = scene.ask("presentity", ALICE).unwrap();
    let watchers = &answer["subscriptions"]["presence"];
    assert_eq!((&watchers["total"], &watchers["complete"]), (&json!(1_600), &json!(true)));
    assert_eq!(watchers["list"].as_array().unwrap().len(), 1_000);
    let answer = scene.ask("summary", ALICE).unwrap();
    assert_eq!((&answer["watchers"], &answer["complete"]), (&json!(1_000), &json!(false)));
}

#[test]
fn a_question_that_makes_no_sense_is_told() {
    let mut scene = Scene::new(OPEN);
    assert!(scene.ask("weather", ALICE).unwrap_err().contains("presentity"));
    for argument in ["", "no uri", "http//x"] {
        assert!(scene.ask("presentity", argument).is_err(), "{argument}");
    }
    assert!(scene.ask("summary", "").is_err());
    assert!(scene.ask("summary", &"x".repeat(513)).is_err());
}
