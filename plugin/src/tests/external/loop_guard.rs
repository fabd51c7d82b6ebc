//! What other communities are shown that watch here (EXT-21).

use super::stage::{Peer, SOURCES, contribute, own_document, person, silence, tell, tuple};
use crate::handler::Presence;
use crate::keys::{FORMER_LOCAL, PEERS};
use crate::tests::scene::{ALICE, Scene, pidf_of};

const PARTIAL: &str = "Accept: application/pidf-diff+xml\n";

/// Publication, registrar and both communities, each with a tuple that tells where it came from.
fn everybody() -> Scene {
    let mut scene = Scene::new(SOURCES);
    publish(&mut scene, "phone");
    contribute(&mut scene, "scscf", &tuple("t1", "registrar"));
    tell(&mut scene, "east", &tuple("t1", "said in the east"));
    tell(&mut scene, "west", &tuple("t1", "said in the west"));
    scene
}

fn publish(scene: &mut Scene, note: &str) {
    assert_eq!(scene.publish("", &pidf_of(ALICE, "open", note)).status, 200);
}

fn is_local(body: &str) -> bool {
    body.contains("phone") && body.contains("registrar") && !body.contains("said in")
}

/// EXT-21, WPS-03: a community sees what is from here, neither what it said itself nor what others did; people see
/// everything.
#[test]
fn ext_21_a_community_is_not_told_what_communities_said() {
    let mut scene = everybody();
    let east = Peer::call(&mut scene, "east", "");
    let west = Peer::call(&mut scene, "west", "Expires: 0\n");
    for peer in [&east, &west] {
        let notify = peer.only_notify(&scene);
        assert!(is_local(&notify.body), "{}", notify.body);
    }
    scene.answer_all();
    scene.subscribe("bob", "");
    let body = scene.only_notify().body;
    for part in ["phone", "registrar", "said in the east", "said in the west"] {
        assert!(body.contains(part), "{part} in {body}");
    }
}

/// EXT-21 (trap: endless mutual echo): what changes in what communities say is no news to a community; what changes
/// here is.
#[test]
fn ext_21_what_communities_say_brings_a_community_no_notify() {
    let mut scene = everybody();
    let (east, west) = (Peer::watch(&mut scene, "east"), Peer::watch(&mut scene, "west"));
    scene.watch("bob");
    for (name, content) in [
        ("east", tuple("t1", "said in the east, later")),
        ("west", tuple("t1", "said in the west, later") + &person("meeting", "")),
        ("west", String::new()),
        ("east", String::new()),
        ("west", tuple("t1", "said in the west, again")),
    ] {
        tell(&mut scene, name, &content);
        assert!(east.notifies(&scene).is_empty() && west.notifies(&scene).is_empty(), "{name} {content}");
        assert_eq!(scene.notifies().len(), 1, "bob hears it");
        scene.answer_all();
    }
    silence(&mut scene, "west");
    scene.answer_all();
    publish(&mut scene, "phone two");
    assert_eq!(scene.notifies().len(), 3);
    for peer in [&east, &west] {
        let body = peer.take(&mut scene);
        assert!(is_local(&body) && body.contains("phone two"), "{body}");
    }
    contribute(&mut scene, "scscf", &tuple("t1", "registrar, again"));
    assert!(east.take(&mut scene).contains("registrar, again"));
}

/// [`SOURCES`], and of several statements about the person the newest holds: what is published may be hidden by what a
/// community says.
fn newest() -> String {
    SOURCES.replacen('}', ",\"composition\":{\"persons\":\"newest\"}}", 1)
}

/// What is the same for people because a community's word is newer may be another thing for communities.
#[test]
fn ext_21_a_change_that_people_do_not_see_reaches_a_community() {
    let mut scene = Scene::new(&newest());
    tell(&mut scene, "east", &person("meeting", "2099-01-01T00:00:00Z"));
    let west = Peer::watch(&mut scene, "west");
    scene.watch("bob");
    let answer = scene.publish("", &own_document(&person("away", "2020-01-01T00:00:00Z")));
    assert!(west.take(&mut scene).contains("rpid:away"));
    let matching = format!("SIP-If-Match: {}\n", answer.header("SIP-ETag").unwrap());
    scene.publish(&matching, &own_document(&person("busy", "2020-01-01T00:00:01Z")));
    let body = west.take(&mut scene);
    assert!(body.contains("rpid:busy") && !body.contains("rpid:away") && !body.contains("meeting"), "{body}");
    assert!(scene.notifies().is_empty(), "bob sees the meeting all the time");
}

/// RFC 4480 section 3.1: what ends by itself in what is hidden from people ends for a community, in time, whoever came
/// first.
#[test]
fn ext_21_what_ends_by_itself_ends_for_a_community() {
    for asks_first in [false, true] {
        let mut scene = Scene::new(&newest());
        let early = asks_first.then(|| Peer::watch(&mut scene, "west"));
        tell(&mut scene, "east", &person("meeting", "2099-01-01T00:00:00Z"));
        let mood =
            "<dm:person id='q'><rpid:mood until='2023-11-14T22:13:50Z'><rpid:happy/></rpid:mood></dm:person>";
        assert_eq!(scene.publish("", &own_document(mood)).status, 200);
        scene.answer_all();
        let west = early.unwrap_or_else(|| Peer::watch(&mut scene, "west"));
        scene.watch("bob");
        // It is 22:13:20 at the start.
        scene.pass(29_999);
        assert!(scene.notifies().is_empty());
        scene.pass(1);
        assert!(!west.take(&mut scene).contains("happy"));
        assert!(scene.notifies().is_empty(), "bob never saw it");
    }
}

/// RFC 5263 with EXT-21: changes are those between what the community was shown.
#[test]
fn ext_21_partial_documents_lead_from_what_was_shown_to_what_is() {
    let mut scene = everybody();
    let east = Peer::call(&mut scene, "east", PARTIAL);
    assert!(is_local(&east.take(&mut scene)));
    tell(&mut scene, "west", &tuple("t1", "said in the west, later"));
    tell(&mut scene, "east", &tuple("t1", "said in the east, later"));
    publish(&mut scene, "another phone");
    let body = east.take(&mut scene);
    assert!(body.contains("pidf-diff version=\"2\"") || body.contains("version=\"2\""), "{body}");
    assert!(
        body.contains(":pidf-diff ") && body.contains("another phone") && !body.contains("said in"),
        "{body}"
    );
    assert_eq!(scene.host.records(ALICE, FORMER_LOCAL).len(), 1);
}

/// RFC 5839 with EXT-21: the entity-tag is that of what is shown.
#[test]
fn ext_21_the_entity_tag_is_that_of_what_a_community_sees() {
    let mut scene = everybody();
    let mut east = Peer::call(&mut scene, "east", "");
    let tag = east.only_notify(&scene).header("SIP-ETag").unwrap().to_owned();
    scene.answer_all();
    tell(&mut scene, "west", &tuple("t1", "said in the west, later"));
    let condition = format!("Suppress-If-Match: {tag}\n");
    assert_eq!(east.ask(&mut scene, &condition).status, 204, "nothing new in a refresh");
    let west = Peer::call(&mut scene, "west", &format!("{condition}Expires: 0\n"));
    assert_eq!(west.take(&mut scene), "", "nor in a fetch");
    tell(&mut scene, "east", "");
    assert!(scene.notifies().is_empty());
    publish(&mut scene, "phone two");
    assert!(east.take(&mut scene).contains("phone two"));
    assert_eq!(east.ask(&mut scene, &condition).status, 200);
    assert!(is_local(&east.take(&mut scene)));
}

/// A refresh brings what is shown, the end as well (SUB-12, SUB-14).
#[test]
fn ext_21_a_refresh_and_the_end_show_the_same_part() {
    let mut scene = everybody();
    let mut east = Peer::watch(&mut scene, "east");
    assert_eq!(east.ask(&mut scene, "").status, 200);
    assert!(is_local(&east.take(&mut scene)));
    assert_eq!(east.ask(&mut scene, "Expires: 0\n").status, 200);
    let last = east.only_notify(&scene);
    assert!(last.state().starts_with("terminated") && is_local(&last.body), "{last:?}");
}

/// After a stop without order a community is sent what it may have missed, and no echo.
#[test]
fn ext_21_a_crash_brings_no_echo() {
    for lucky in [false, true] {
        let mut scene = everybody();
        let east = Peer::watch(&mut scene, "east");
        scene.host.flush();
        tell(&mut scene, "west", &tuple("t1", "said in the west, later"));
        scene.crash(|_| lucky);
        scene.settle();
        assert!(east.notifies(&scene).is_empty());
        publish(&mut scene, "phone two");
        scene.crash(|_| lucky);
        scene.settle();
        assert!(is_local(&east.take(&mut scene)));
        tell(&mut scene, "west", "");
        assert!(east.notifies(&scene).is_empty());
    }
}

/// What a community saw last may be what a crash took back: it is told, though it is back at what is known to have been
/// told before.
#[test]
fn ext_21_what_a_crash_took_back_and_is_gone_again_is_told() {
    let mut scene = Scene::new(SOURCES);
    let east = Peer::watch(&mut scene, "east");
    scene.host.flush();
    contribute(&mut scene, "scscf", &tuple("t1", "registrar"));
    scene.settle();
    assert!(east.take(&mut scene).contains("registrar"));
    scene.crash(|_| false);
    silence(&mut scene, "scscf");
    scene.settle();
    assert!(!east.take(&mut scene).contains("registrar"));
    scene.crash(|_| true);
    scene.settle();
    assert!(east.notifies(&scene).is_empty());
}

/// WPS-33 with EXT-21: a subscription that moves with the identity map is still that of a community.
#[test]
fn ext_21_a_subscription_that_moves_is_still_that_of_a_community() {
    let mut scene = Scene::new(&SOURCES.replacen("\"rules\"", "\"identity\":{\"map\":true},\"rules\"", 1));
    let desk = "sip:desk@example.com";
    scene.map(&[]);
    publish(&mut scene, "phone");
    let mut east = Peer::watch(&mut scene, "east");
    tell(&mut scene, "west", &tuple("t1", "said in the west"));
    // All of alice's belongs to the desk from now on, and something is said of the desk.
    scene.map(&[(ALICE, desk)]);
    assert_eq!(scene.publish_as(desk, desk, "", &pidf_of(desk, "open", "desk")).status, 200);
    assert_eq!(east.ask(&mut scene, "").status, 200);
    scene.settle();
    let body = east.take(&mut scene);
    assert!(body.contains("desk") && !body.contains("said in"), "{body}");
    assert_eq!(scene.host.records(desk, PEERS).len(), 1);
}

/// Authorization comes first: a community is a watcher like any other (WPS-36 to WPS-47).
#[test]
fn ext_21_a_community_is_authorized_like_anybody() {
    let with = |from: &str, to: &str| Scene::new(&SOURCES.replace(from, to));
    for (decision, status) in
        [("block", None), ("confirm", Some("pending")), ("polite-block", Some("active"))]
    {
        let mut scene = with("\"allow\"", &format!("\"{decision}\""));
        publish(&mut scene, "phone");
        tell(&mut scene, "west", &tuple("t1", "said in the west"));
        let mut east = Peer::unknown("east");
        let answer = east.ask(&mut scene, "");
        assert_eq!(answer.status, if status.is_some() { 200 } else { 403 }, "{decision}");
        if let Some(status) = status {
            let notify = east.only_notify(&scene);
            assert!(notify.state().starts_with(status), "{decision}");
            assert!(!notify.body.contains("phone") && !notify.body.contains("said in"), "{decision}");
        }
    }
    // In the white list it is shown its part, in the black list nothing.
    for (list, allowed) in [("white", true), ("black", false)] {
        let rules = format!(
            "\"lists\":{{\"{list}\":\"file\"}},\"rules\":{{\"enabled\":true,\"default\":\"confirm\"}}"
        );
        let mut scene = with("\"rules\":{\"enabled\":true,\"default\":\"allow\"}", &rules);
        let rows = vec![vec!["sip:presence@east.example".to_owned()]];
        scene.host.load(&scene.presence, &[(list, rows)].into()).unwrap();
        publish(&mut scene, "phone");
        tell(&mut scene, "west", &tuple("t1", "said in the west"));
        let mut east = Peer::unknown("east");
        assert_eq!(east.ask(&mut scene, "").status, if allowed { 200 } else { 403 });
        if allowed {
            let body = east.take(&mut scene);
            assert!(body.contains("phone") && !body.contains("said in"), "{body}");
        }
    }
}

/// Who asks is seen from what was asserted, in whatever form, and whichever of two identities it is.
#[test]
fn ext_21_a_community_is_known_by_its_asserted_identity() {
    let ask = |scene: &mut Scene, asserted: &str| {
        let text = format!(
            "SUBSCRIBE {ALICE} SIP/2.0\nTo: <{ALICE}>\nFrom: <sip:anybody@example.com>;tag=f\nCall-ID: {}\nCSeq: 1 SUBSCRIBE\n\
             P-Asserted-Identity: {asserted}\nEvent: presence\nExpires: 0\nContact: <sip:x@192.0.2.1>\n\n",
            asserted.len()
        );
        assert_eq!(scene.request(&text).unwrap().status, 200);
        let body = scene.only_notify().body;
        scene.answer_all();
        body
    };
    let mut scene = everybody();
    for community in [
        "<sip:presence@east.example>",
        "\"East\" <sip:presence@EAST.example:5060;x=y>",
        "<tel:+15550100>, <sip:presence@west.example>",
        "<sip:presence@west.example>, <tel:+15550100>",
    ] {
        assert!(is_local(&ask(&mut scene, community)), "{community}");
    }
    for other in ["<sip:presence@example.org>", "<sip:Presence@east.example>", "<sip:east@east.example>"] {
        assert!(ask(&mut scene, other).contains("said in"), "{other}");
    }
}

/// With another configuration a subscription is that of a community, or no more, from its next SUBSCRIBE on.
#[test]
fn ext_21_another_configuration_counts_with_the_next_subscribe() {
    let unguarded = SOURCES.replace("\"asks_as\":\"sip:presence@", "\"super_user\":\"sip:other@");
    let mut scene = Scene::new(&unguarded);
    publish(&mut scene, "phone");
    tell(&mut scene, "west", &tuple("t1", "said in the west"));
    let mut east = Peer::call(&mut scene, "east", PARTIAL);
    assert!(east.take(&mut scene).contains("said in"), "nobody was told that this is a community");
    scene.presence = Presence::configure(SOURCES).unwrap();
    assert_eq!(east.ask(&mut scene, "").status, 200);
    let body = east.take(&mut scene);
    assert!(body.contains("phone") && !body.contains("said in"), "{body}");
    tell(&mut scene, "west", "");
    assert!(east.notifies(&scene).is_empty());
    tell(&mut scene, "west", &tuple("t1", "said in the west"));
    scene.presence = Presence::configure(&unguarded).unwrap();
    assert_eq!(east.ask(&mut scene, "").status, 200);
    assert!(east.take(&mut scene).contains("said in"));
}

/// A source that was taken out of the configuration while its word still counts is not shown to communities:
/// nobody knows any more what it is.
#[test]
fn ext_21_a_source_that_is_not_configured_any_more_is_kept_from_communities() {
    let mut scene = everybody();
    let only_east = SOURCES.replace("{\"name\":\"west\"", "{\"enabled\":false,\"name\":\"west\"");
    scene.presence = Presence::configure(&only_east).unwrap();
    let east = Peer::call(&mut scene, "east", "");
    assert!(is_local(&east.take(&mut scene)));
}

/// One community among many watchers: all are served, the others at no greater cost.
#[test]
fn ext_21_other_watchers_do_not_pay_for_a_community() {
    let mut costs = Vec::new();
    for community in [false, true] {
        let mut scene = everybody();
        for number in 0..150 {
            scene.watch(&format!("w{number}"));
        }
        let east = community.then(|| Peer::watch(&mut scene, "east"));
        publish(&mut scene, "phone two");
        let first = scene.cost;
        let mut rest = 0;
        while scene.run_one() {
            rest += scene.cost.storage_calls;
        }
        assert_eq!(scene.notifies().len(), 150 + usize::from(community));
        if let Some(east) = east {
            assert!(is_local(&east.take(&mut scene)));
        }
        scene.answer_all();
        tell(&mut scene, "west", &tuple("t1", "said in the west, later"));
        scene.settle();
        assert_eq!(scene.notifies().len(), 150);
        costs.push((first.storage_calls, first.durable_writes, rest));
    }
    let [without, with] = costs[..] else { panic!("{costs:?}") };
    assert_eq!(with.1, without.1 + 1, "one record for all communities");
    // The list of communities with what they see, what they are shown, composed, and one subscription more.
    assert!(with.0 <= without.0 + 6 && with.2 <= without.2 + 8, "{costs:?}");
}

/// More subscriptions of communities than are known one by one are told all the same.
#[test]
fn ext_21_many_communities_are_all_told() {
    let mut scene = Scene::new(&newest());
    tell(&mut scene, "east", &person("meeting", "2099-01-01T00:00:00Z"));
    for number in 0..40 {
        let text = format!(
            "SUBSCRIBE {ALICE} SIP/2.0\nTo: <{ALICE}>\nFrom: <sip:presence@east.example>;tag=f\nCall-ID: c{number}\nCSeq: 1 SUBSCRIBE\n\
             P-Asserted-Identity: <sip:presence@east.example>\nEvent: presence\nContact: <sip:e{number}@192.0.2.1>\n\n"
        );
        assert_eq!(scene.request(&text).unwrap().status, 200);
        scene.answer_all();
    }
    let hidden = own_document(&person("away", "2020-01-01T00:00:00Z"));
    assert_eq!(scene.publish("", &hidden).status, 200);
    scene.settle();
    assert_eq!(scene.notifies().len(), 40);
}

/// Nothing is left of communities that are gone.
#[test]
fn ext_21_nothing_is_left_behind() {
    let mut scene = Scene::new(SOURCES);
    let mut east = Peer::call(&mut scene, "east", PARTIAL);
    scene.answer_all();
    tell(&mut scene, "west", &tuple("t1", "said in the west"));
    assert_eq!(scene.host.records(ALICE, PEERS).len(), 1);
    assert_eq!(east.ask(&mut scene, "Expires: 0\n").status, 200);
    scene.answer_all();
    silence(&mut scene, "west");
    // What the registrar was asked for is kept for the grace time.
    scene.pass(61_000);
    let left: Vec<String> = scene
        .host
        .records(ALICE, b"")
        .iter()
        .map(|(key, _)| String::from_utf8_lossy(key).into_owned())
        .collect();
    assert!(left.iter().all(|key| key.starts_with('g') || key.starts_with('w')), "{left:?}");
}
